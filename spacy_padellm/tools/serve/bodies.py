"""Bodies of requests: read whole, within a size and a time, before anything looks at them."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, Show
from .stop import Stop

GRACE_SECONDS = 1.0  # that a body which is on its way has when the server stops
MOST_TOGETHER = 128  # bodies of the largest size that are held at once, or as many bytes of others


class GoneError(Exception):
    """The client has gone away: nobody waits for an answer."""


class WholeBodies:
    """Middleware that hands bodies on whole, and refuses those that are too large or too slow, and
    all while too many bytes are held for requests that are not answered yet.

    most: bytes. seconds: for all of a body, so that a client that drips ends, too. It begins behind
    the head of a request; that, and a body that is not read, are for `connections`.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float, stop: Stop, show: Show) -> None:
        self._app, self._most, self._seconds = app, most, seconds
        self._stop, self._show = stop, show
        self._held = 0  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []
        try:
            await self._answer(scope, receive, send, parts)
        finally:
            self._held -= sum(map(len, parts))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, parts: list[bytes]) -> None:
        """parts: of the body, which count as held."""
        try:
            await self._read(scope, receive, parts)
        except ApiError as error:
            await self._show(scope, error)(scope, receive, send)
            return
        except GoneError:
            return
        parts[:] = [b"".join(parts)]
        waiting = [parts[0]]

        async def replay() -> Message:
            """The body, then what else the client does: it may go away."""
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive, parts: list[bytes]) -> None:
        """Whatever its length is said to be. Raises ApiError where it is too large or too slow,
        where there is no room for it, or the server stops; GoneError without a client."""
        said = dict(scope["headers"]).get(b"content-length", b"")
        if said.isdigit() and (len(said) > 18 or int(said) > self._most):
            raise self._too_large()
        work = self._stop.unless(self._read_all(receive, parts), GRACE_SECONDS)
        try:
            await asyncio.wait_for(work, self._seconds)
        except asyncio.TimeoutError:
            raise ApiError(
                408,
                f"The request did not arrive within {self._seconds:g} s.",
                headers={"Connection": "close"},
            ) from None

    async def _read_all(self, receive: Receive, parts: list[bytes]) -> None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._held += len(part)
            if size > self._most:
                raise self._too_large()
            if self._held > MOST_TOGETHER * self._most:
                said = "The server holds too many requests. Try again in 1 s."
                raise ApiError(429, said, headers={"Retry-After": "1"})
            if not message.get("more_body", False):
                return

    def _too_large(self) -> ApiError:
        return ApiError(413, f"The request is larger than {self._most} bytes.")
