"""How long requests may take and how large they may be, and that a stop ends them all."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 30.0  # for a whole body; browsers send one at once
STOP_SECONDS = 5.0  # that a text which is being read has to be answered
T = TypeVar("T")


class RefusedError(ValueError):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class GoneError(Exception):
    """The client has gone away: nobody waits for an answer."""


class Stop:
    """Whether the server is about to end. queue: of texts that wait for their turn. Both belong to
    one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.queue = asyncio.Lock()

    def begin(self) -> None:
        self._event.set()

    async def unless(self, work: Awaitable[T], grace: float = 0.0) -> T:
        """What comes of the work. Raises RefusedError where the server ends before, and `grace`
        seconds do not suffice; the work is cancelled."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and grace:
                await asyncio.wait({task}, timeout=grace)
            if not task.done():
                raise RefusedError("The server is stopping.", 503)
            return task.result()
        finally:
            task.cancel()
            stopped.cancel()


async def read_body(request: Request, most: int, stop: Stop, seconds: float) -> bytes:
    """The body of a request, whatever its length is said to be.

    most: bytes. seconds: for all of it, so that a client that drips ends, too. Raises RefusedError
    where it is too large or too slow, or the server stops; GoneError without a client.
    """

    async def read() -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise RefusedError(f"The request is larger than {most} bytes.", 413)
            parts.append(part)
        return b"".join(parts)

    try:
        return await asyncio.wait_for(stop.unless(read()), seconds)
    except asyncio.TimeoutError:
        raise RefusedError(
            f"The request was not there, whole, within {seconds:g} s.", 408
        ) from None
    except ClientDisconnect:
        raise GoneError from None
