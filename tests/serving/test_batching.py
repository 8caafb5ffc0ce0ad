"""The queue and its thread, with work that is no model."""

import asyncio
import threading
import time

import pytest

from spacy_padellm.tools.serve.batching import Batcher, ClosedError, QueueFullError


class Work:
    """Doubles numbers, when it is let; keeps its batches."""

    def __init__(self, seconds=0.0):
        self.batches, self.threads, self.seconds = [], set(), seconds
        self.go = threading.Event()
        self.go.set()

    def __call__(self, jobs):
        self.batches.append(list(jobs))
        self.threads.add(threading.get_ident())
        assert self.go.wait(20)
        time.sleep(self.seconds)
        if "bad" in jobs:
            raise ValueError("bad work")
        return [2 * job for job in jobs]


def batched(test, most=8, wait=0.05, room=100, seconds=0.0):
    work = Work(seconds)

    async def run():
        batcher = Batcher(work, most, wait, room)
        batcher.start()
        try:
            return await test(batcher, work)
        finally:
            work.go.set()
            await batcher.close()

    return asyncio.run(run())


async def wait_for(is_so):
    for _ in range(400):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come so")


def test_requests_that_wait_together_are_worked_on_together():
    async def test(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.run([0]))
        await wait_for(lambda: batcher.busy)
        others = [asyncio.create_task(batcher.run([i, 10 * i])) for i in range(1, 7)]
        await wait_for(lambda: batcher.waiting == 12)
        work.go.set()
        found = [await first, *await asyncio.gather(*others)]
        assert found == [[0], *([2 * i, 20 * i] for i in range(1, 7))]
        assert [len(batch) for batch in work.batches] == [1, 8, 4]
        assert len(work.threads) == 1 and threading.get_ident() not in work.threads

    batched(test)


@pytest.mark.parametrize("jobs", [1, 7, 8, 9, 10, 16, 20])
def test_a_request_that_is_alone_never_waits(jobs):
    """In however many batches of 8 it is."""

    async def test(batcher, work):
        began = time.monotonic()
        for _ in range(5):
            assert await batcher.run(range(jobs)) == [2 * i for i in range(jobs)]
        assert time.monotonic() - began < 5 and len(work.batches) == 5 * -(-jobs // 8)

    batched(test, wait=60)


def test_a_batch_waits_for_those_that_were_there_before_and_no_longer():
    async def test(batcher, work):
        async def client(n):
            for _ in range(4):
                assert await batcher.run([n]) == [2 * n]
                await asyncio.sleep(0.005 * n)

        await asyncio.gather(*map(client, range(4)))
        sizes = [len(batch) for batch in work.batches]
        assert sum(sizes) == 16 and len(sizes) <= 9, sizes
        began = time.monotonic()
        assert await batcher.run([7]) == [14]  # the others do not come again
        assert time.monotonic() - began < 3

    batched(test, wait=0.5)


@pytest.mark.parametrize(("clients", "least"), [(16, 12), (64, 24)])
def test_many_clients_fill_batches_while_work_is_slow(clients, least):
    """Each has an answer before it asks again, as in benchmarks/serving.py."""

    async def test(batcher, work):
        passed = []  # batches, from question to answer

        async def client(n):
            for _ in range(6):
                before = len(work.batches)
                assert await batcher.run([n]) == [2 * n]
                passed.append(len(work.batches) - before)

        await asyncio.gather(*map(client, range(clients)))
        sizes = [len(batch) for batch in work.batches]
        assert sum(sizes) == 6 * clients and sum(sizes) / len(sizes) >= least, sizes
        assert max(passed) <= 2 + clients / 32  # nobody is passed over

    batched(test, most=32, seconds=0.02)


def test_there_is_room_for_so_many_and_then_for_none():
    async def test(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.run([0]))
        await wait_for(lambda: batcher.busy)
        waiting = asyncio.create_task(batcher.run([1, 2, 3]))
        await wait_for(lambda: batcher.waiting == 3)
        with pytest.raises(QueueFullError) as full:
            await batcher.run([4, 5])
        assert 1 <= full.value.seconds <= 60 and batcher.waiting == 3
        last = asyncio.create_task(batcher.run([6]))
        await wait_for(lambda: batcher.waiting == 4)
        work.go.set()
        assert [await one for one in (first, waiting, last)] == [[0], [2, 4, 6], [12]]

    batched(test, room=4)


def test_what_is_cancelled_leaves_the_queue():
    async def test(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.run([0]))
        await wait_for(lambda: batcher.busy)
        gone = asyncio.create_task(batcher.run([1, 2]))
        stays = asyncio.create_task(batcher.run([3]))
        await wait_for(lambda: batcher.waiting == 3)
        gone.cancel()
        first.cancel()
        await wait_for(lambda: batcher.waiting == 1)
        work.go.set()
        assert await stays == [6] and work.batches == [[0], [3]]

    batched(test)


def test_an_error_is_that_of_its_batch_and_the_thread_goes_on():
    async def test(batcher, work):
        with pytest.raises(ValueError, match="bad work"):
            await batcher.run([1, "bad"])
        assert await batcher.run([1]) == [2]

    batched(test)


def test_what_no_future_holds_is_an_error_like_others():
    async def test(batcher, work):
        for error in (StopIteration(1), SystemExit(3), KeyboardInterrupt()):

            def fail(error=error):
                raise error

            with pytest.raises(RuntimeError, match=type(error).__name__):
                await asyncio.wait_for(batcher.run_alone(fail), 10)
        assert await batcher.run([1]) == [2]

    batched(test)


def test_nobody_waits_where_nothing_works():
    """Neither before the start, nor behind the end, nor where the work on the queue has failed."""

    async def test(batcher, work):
        idle = Batcher(work, 8, 0, 100)
        for closed in (idle, batcher):
            if closed is batcher:
                work.go.clear()
                first = asyncio.create_task(batcher.run([0]))
                await wait_for(lambda: batcher.busy)
                waiting = asyncio.create_task(batcher.run([1, 2]))
                await wait_for(lambda: batcher.waiting == 2)
                await batcher.close()
                assert batcher.busy  # the thread goes on, until it is done
                with pytest.raises(ClosedError):
                    await asyncio.wait_for(waiting, 10)
                work.go.set()
                assert await asyncio.wait_for(first, 10) == [0]
                await wait_for(lambda: not batcher.busy)
            assert not closed.alive
            for ask in (closed.run([1]), closed.run_alone(int)):
                with pytest.raises(ClosedError):
                    await asyncio.wait_for(ask, 10)
        batcher.start()  # its thread has ended
        with pytest.raises(ClosedError):
            await asyncio.wait_for(batcher.run([1]), 10)
        await wait_for(lambda: not batcher.alive)

    batched(test)


def test_a_call_has_the_thread_for_itself():
    async def test(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.run([0]))
        await wait_for(lambda: batcher.busy)
        before = asyncio.create_task(batcher.run([1]))
        await wait_for(lambda: batcher.waiting == 1)
        call = asyncio.create_task(batcher.run_alone(lambda: work.batches.append("alone") or 5))
        await wait_for(lambda: batcher.waiting == 2)
        after = asyncio.create_task(batcher.run([2]))
        await wait_for(lambda: batcher.waiting == 3)
        work.go.set()
        assert [await one for one in (first, before, call, after)] == [[0], [2], 5, [4]]
        assert work.batches == [[0], [1], "alone", [2]]
        with pytest.raises(ZeroDivisionError):
            await batcher.run_alone(lambda: 1 // 0)

    batched(test)


def test_the_event_loop_goes_on_while_work_is_done():
    async def test(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.run([0]))
        await wait_for(lambda: batcher.busy)
        slowest, last = 0.0, time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.005)
            slowest, last = max(slowest, time.monotonic() - last), time.monotonic()
        assert not first.done() and slowest < 1
        work.go.set()
        await first

    batched(test)
