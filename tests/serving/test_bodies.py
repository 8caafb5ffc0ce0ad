"""Bodies within their limits, and a stop that gives work a while."""

import asyncio
import time

import pytest

from spacy_padellm.tools.serve.bodies import MOST_TOGETHER, WholeBodies
from spacy_padellm.tools.serve.errors import ApiError, show_json
from spacy_padellm.tools.serve.stop import Stop


def through(*messages, wait=0.0, length=None, stop=None, seconds=0.3):
    """What an app is given of a body in these pieces, at most 4 bytes of it, and what is sent
    back; True stands for a client that goes away."""
    left, got, sent = list(messages), [], []

    async def receive():
        await asyncio.sleep(wait)
        if left[0] is True:
            return {"type": "http.disconnect"}
        more = len(left) > 1
        return {"type": "http.request", "body": left.pop(0), "more_body": more}

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        got.append((await receive())["body"])
        left[:] = [True]
        assert (await receive())["type"] == "http.disconnect"

    async def run():
        headers = [] if length is None else [(b"content-length", length)]
        scope = {"type": "http", "path": "/v1/extract", "headers": headers}
        await WholeBodies(app, 4, seconds, stop or Stop(), show_json)(scope, receive, send)
        return got, [message["status"] for message in sent if "status" in message]

    return run()


def test_a_body_is_read_within_its_limits():
    async def run():
        stopped = Stop()
        stopped.begin()
        found = await asyncio.gather(
            through(b"ab", b"cd"),
            through(b""),
            through(b"abc", b"de"),
            through(b"abcd", length=b"5"),
            through(b"abcd", length=b"9" * 5000),
            through(b"abcd", length=b"-1"),
            through(b"a", True),
            through(*[b"a"] * 9, wait=0.1),
            through(b"ab", b"cd", stop=stopped),
            through(*[b""] * 99, wait=0.1, stop=stopped, seconds=9),
        )
        assert found == [
            ([b"abcd"], []), ([b""], []), ([], [413]), ([], [413]), ([], [413]), ([b"abcd"], []),
            ([], []), ([], [408]), ([b"abcd"], []), ([], [503]),
        ]  # fmt: skip

    asyncio.run(run())


def test_bodies_that_are_held_have_a_limit_together():
    """A body counts until its request is answered."""

    async def run():
        go, codes = asyncio.Event(), []

        async def app(scope, receive, send):
            assert (await receive())["body"] == b"abcd"
            await go.wait()

        async def send(message):
            codes.append(message.get("status"))

        bodies = WholeBodies(app, 4, 9, Stop(), show_json)

        async def ask(parts):
            left = list(parts)

            async def receive():
                return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

            await bodies({"type": "http", "path": "/x", "headers": []}, receive, send)

        held = [asyncio.ensure_future(ask([b"ab", b"cd"])) for _ in range(MOST_TOGETHER)]
        await asyncio.sleep(0.1)
        await ask([b"abcd"])
        await ask([b"a", b"bcd"])
        assert [code for code in codes if code] == [429, 429]
        go.set()
        await asyncio.gather(*held, ask([b"abcd"]))
        assert [code for code in codes if code] == [429, 429]

    asyncio.run(run())


def test_a_stop_gives_work_a_while_and_no_more():
    async def run():
        stop = Stop()
        waiting = [
            asyncio.ensure_future(stop.unless(asyncio.sleep(seconds, seconds), grace))
            for seconds, grace in ((60, 0), (0.2, 1), (60, 0.3))
        ]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        stop.begin()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert time.monotonic() - began < 10 and found[1] == 0.2
        for one in (found[0], found[2]):
            assert isinstance(one, ApiError) and one.status_code == 503
        with pytest.raises(ApiError, match="stopping"):
            await stop.unless(asyncio.sleep(60))

    asyncio.run(run())
