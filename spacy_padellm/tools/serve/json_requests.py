"""Bodies as JSON: whatever is wrong with one is said in the one shape of all errors."""

from collections.abc import Callable, Coroutine
from typing import Any

from anyio import to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute

from ...formats.json_text import JSONError, read_json
from .errors import ApiError

LARGE = 50_000  # bytes that are read as JSON in a thread, since other requests would wait


class _JSONRequest(Request):
    async def json(self) -> Any:
        """Raises ApiError for what is not JSON."""
        body = await self.body()
        try:
            if len(body) > LARGE:
                return await to_thread.run_sync(read_json, body)
            return read_json(body)
        except JSONError as error:
            raise ApiError(
                400, f"The body cannot be read: line {error.line}: {error}.", "invalid_json"
            ) from None


class JSONRoute(APIRoute):
    """A route whose body, where it has one, is JSON and says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            if self.body_field is not None:
                _check_type(request)
                request = _JSONRequest(request.scope, request.receive)
            return await handle(request)

        return read


def _check_type(request: Request) -> None:
    """Raises ApiError for another type of content, and for what is packed."""
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise ApiError(415, f"The body is sent as {packed[:100]}: send it unpacked.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    main, _, sub = kind.partition("/")
    if main != "application" or not (sub == "json" or sub.endswith("+json")):
        raise ApiError(
            415,
            f"The body is sent as {kind[:100] or 'nothing'}: send JSON, and the header "
            f"`Content-Type: application/json`.",
        )
