"""Bodies of requests: read whole, within a size and a time, before anything looks at them."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, Show
from .stop import Stop

GRACE_SECONDS = 1.0  # that a body which is on its way has when the server stops


class GoneError(Exception):
    """The client has gone away: nobody waits for an answer."""


class WholeBodies:
    """Middleware that hands bodies on whole, and refuses those that are too large or too slow.

    most: bytes. seconds: for all of a body, so that a client that drips ends, too.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float, stop: Stop, show: Show) -> None:
        self._app, self._most, self._seconds = app, most, seconds
        self._stop, self._show = stop, show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except ApiError as error:
            await self._show(scope, error)(scope, receive, send)
            return
        except GoneError:
            return
        waiting = [body]

        async def replay() -> Message:
            """The body, then what else the client does: it may go away."""
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """Whatever its length is said to be. Raises ApiError where it is too large or too slow, or
        the server stops; GoneError without a client."""
        said = dict(scope["headers"]).get(b"content-length", b"")
        if said.isdigit() and (len(said) > 18 or int(said) > self._most):
            raise self._too_large()
        work = self._stop.unless(self._read_all(receive), GRACE_SECONDS)
        try:
            return await asyncio.wait_for(work, self._seconds)
        except asyncio.TimeoutError:
            raise ApiError(
                408,
                f"The request was not there, whole, within {self._seconds:g} s.",
                headers={"Connection": "close"},
            ) from None

    async def _read_all(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> ApiError:
        return ApiError(413, f"The request is larger than {self._most} bytes.")
