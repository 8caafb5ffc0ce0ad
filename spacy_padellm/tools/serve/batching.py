"""A bounded queue, and one thread that works on what waits in it, batch by batch.

Knows neither texts nor HTTP. The event loop only waits: all work is in the thread.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)
Job = TypeVar("Job")
Result = TypeVar("Result")
T = TypeVar("T")
LONGEST_RETRY = 60  # seconds


class QueueFullError(Exception):
    """There is no room. seconds: until there may be."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the queue is full: try again in {seconds} s")
        self.seconds = seconds


class ClosedError(Exception):
    """Nothing works on the queue: it was not started, or has ended."""


class Watch(Protocol):
    """Is told how many jobs wait, and of each batch that is done."""

    def queued(self, waiting: int) -> None: ...
    def done(self, jobs: int, seconds: float) -> None: ...


class NoWatch:
    def queued(self, waiting: int) -> None: ...
    def done(self, jobs: int, seconds: float) -> None: ...


@dataclass(eq=False)
class _Entry:
    """A job that waits. request: those of one request have the same. alone: what to call instead
    of working on a batch."""

    request: object
    job: Any = None
    alone: Callable[[], Any] | None = None
    future: asyncio.Future = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher(Generic[Job, Result]):
    """Works on jobs of many requests together.

    work: a batch of jobs to a result each, in the thread. most: jobs of a batch. room: jobs that
    may wait. wait: seconds that a batch which is not full waits, from when the thread is free, and
    only until as many requests are there as when the last one ended: one client never waits.
    busy: whether the thread works, on what may outlive `close`.

    Belongs to one event loop, from `start` to `close`.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Job]], Sequence[Result]],
        most: int,
        wait: float,
        room: int,
        watch: Watch | None = None,
    ) -> None:
        self._work, self._most, self._wait, self._room = work, most, wait, room
        self._watch: Watch = watch or NoWatch()
        self._queue: deque[_Entry] = deque()
        self._arrived = asyncio.Event()
        self._expected = 1  # requests
        self._rate = 0.0  # jobs per second
        self._thread = ThreadPoolExecutor(1, "batches")
        self._task: asyncio.Task[None] | None = None
        self.busy = False

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether what comes will be worked on."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._end)

    async def close(self) -> None:
        """Ends at once; the thread ends with the batch that it works on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # it may have failed before
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        """However it came: nobody waits for ever."""
        if not task.cancelled() and (error := task.exception()):
            logger.error("nothing works on the queue any more", exc_info=error)
        _refuse(self._queue)
        self._queue.clear()

    async def run(self, jobs: Sequence[Job]) -> list[Result]:
        """The results of the jobs of one request, which may be in several batches. Cancelled, they
        leave the queue. Raises QueueFullError where there is no room for all, ClosedError where
        nothing works on them, and what `work` raises of a batch."""
        request = object()
        return await self._settle([_Entry(request, job) for job in jobs])

    async def run_alone(self, call: Callable[[], T]) -> T:
        """What a call returns, in the thread, with no batch beside it. Raises as `run`."""
        (result,) = await self._settle([_Entry(object(), alone=call)])
        return result

    async def _settle(self, entries: list[_Entry]) -> list[Any]:
        if not self.alive:
            raise ClosedError
        if len(self._queue) + len(entries) > self._room:
            raise QueueFullError(self._seconds_left())
        self._queue.extend(entries)
        self._watch.queued(self.waiting)
        self._arrived.set()
        try:
            return await asyncio.gather(*(entry.future for entry in entries))
        except BaseException:
            for entry in entries:
                entry.future.cancel()
            self._queue = deque(e for e in self._queue if not e.future.cancelled())
            self._watch.queued(self.waiting)
            raise

    def _seconds_left(self) -> int:
        """That those who wait will take, as far as the last batches tell."""
        seconds = len(self._queue) / self._rate if self._rate else 1.0
        return max(1, min(LONGEST_RETRY, math.ceil(seconds)))

    async def _run(self) -> None:
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            await self._gather()
            batch = self._take()
            if not batch:
                continue
            began = time.perf_counter()
            try:
                done = asyncio.get_running_loop().run_in_executor(self._thread, self._do, batch)
            except RuntimeError:  # the thread has ended
                _refuse(batch)
                raise
            await done
            seconds = time.perf_counter() - began
            rate = len(batch) / max(seconds, 1e-6)
            self._rate = 0.8 * self._rate + 0.2 * rate if self._rate else rate
            if batch[0].alone is None:
                self._watch.done(len(batch), seconds)

    async def _gather(self) -> None:
        """Waits for those that are expected, a while at most."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait
        while 0 < len(self._queue) < self._most and _requests(self._queue) < self._expected:
            left = until - loop.time()
            if left <= 0:
                return
            self._arrived.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), left)

    def _take(self) -> list[_Entry]:
        """The next batch: jobs, or one call."""
        batch: list[_Entry] = []
        while self._queue and len(batch) < self._most:
            if self._queue[0].alone is not None and batch:
                break
            batch.append(self._queue.popleft())
            if batch[-1].alone is not None:
                break
        self._watch.queued(self.waiting)
        return batch

    def _do(self, batch: list[_Entry]) -> None:
        """In the thread."""
        results: Sequence[Any] = ()
        failed: Exception | None = None
        self.busy = True  # set here: the thread goes on where the event loop is told to end
        try:
            if (call := batch[0].alone) is not None:
                results = [call()]
            else:
                results = self._work([entry.job for entry in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(batch)} jobs have {len(results)} results")
        except BaseException as error:
            # What a future cannot hold, or would end the event loop, is an error like others.
            plain = isinstance(error, Exception) and not isinstance(error, StopIteration)
            failed = error if plain else RuntimeError(repr(error))  # type: ignore[assignment]
        finally:
            self.busy = False
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop = batch[0].future.get_loop()
            loop.call_soon_threadsafe(self._hand_out, batch, results, failed)

    def _hand_out(
        self, batch: list[_Entry], results: Sequence[Any], failed: Exception | None
    ) -> None:
        """To those that still wait."""
        # Those that are answered now may come again, and share a batch with those in the queue.
        self._expected = _requests([*batch, *self._queue])
        for i, entry in enumerate(batch):
            if entry.future.done():
                continue
            if failed is not None:
                entry.future.set_exception(failed)
            else:
                entry.future.set_result(results[i])


def _requests(entries: Iterable[_Entry]) -> int:
    return len({id(entry.request) for entry in entries})


def _refuse(entries: Iterable[_Entry]) -> None:
    for entry in entries:
        if not entry.future.done():
            entry.future.set_exception(ClosedError())
