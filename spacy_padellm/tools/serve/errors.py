"""Errors as the API has them: a status, a code for programs, a sentence for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as PlainHTTPException
from starlette.responses import Response
from starlette.types import Scope

from ...formats.json_text import unicode_text, write_json
from .schema import TOO_MANY, ErrorCode, ErrorResponse

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
MOST_DETAILS = 20
# Status → what it means; the codes of each are in `CODES`.
MEANINGS = {
    400: "The request cannot be read.",
    401: "No valid API key.",
    404: "No such path.",
    405: "The path has no such method.",
    408: "The body of the request did not arrive in time.",
    413: "The request or a text is too large, or there are too many texts.",
    415: "The body is not sent as `application/json`, or is compressed.",
    422: "Fields are missing, unknown or wrong, or the model knows no such label.",
    429: "The queue is full; `Retry-After` says when to try again.",
    500: "A component failed on a text, or the server is at fault.",
    502: "The model's own server did not answer, or answered with an error.",
    503: "The server is stopping, or not ready yet.",
}
CODES: dict[int, tuple[ErrorCode, ...]] = {
    400: ("bad_request", "invalid_json", "unknown_host"),
    401: ("unauthorized",),
    404: ("not_found",),
    405: ("method_not_allowed",),
    408: ("too_slow",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    422: ("invalid_request", "unknown_label"),
    429: ("queue_full",),
    500: ("internal_error", "text_failed"),
    502: ("model_server_failed",),
    503: ("stopping", "not_ready"),
}
Show = Callable[[Scope, "ApiError"], Response]


class ApiError(HTTPException):
    """A request that is not answered. details: pairs of a field and what is wrong with it."""

    def __init__(
        self,
        status: int,
        message: str,
        code: ErrorCode | None = None,
        details: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.code: ErrorCode = code or CODES.get(status, ("bad_request",))[0]
        self.details = list(details)

    def __str__(self) -> str:
        return str(self.detail)


def show_json(scope: Scope, error: ApiError) -> Response:
    """The one shape of all errors, as `ErrorResponse`."""
    details = [{"where": where, "message": said} for where, said in error.details]
    body = {"error": {"code": error.code, "message": str(error), "details": details}}
    headers = {**HEADERS, **(error.headers or {})}
    return Response(write_json(body), error.status_code, headers, "application/json")


def of_framework(error: Exception) -> ApiError:
    """What Starlette and FastAPI raise of themselves, in this shape."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, PlainHTTPException):
        status = error.status_code
        said = MEANINGS.get(status, str(error.detail))
        return ApiError(status, said, headers=error.headers)
    return ApiError(500, "The server is at fault; its log has the error.")


def _invalid(found: Sequence[Mapping[str, Any]]) -> ApiError:
    """What was sent is not repeated: it may be long, secret, or no Unicode."""
    if found and found[0].get("type") == TOO_MANY:
        return ApiError(413, str(found[0]["msg"]))
    details = []
    for one in found[:MOST_DETAILS]:
        where = ".".join(map(str, one.get("loc", ())[1:]))
        said = str(one.get("msg", ""))
        if one.get("type") == "missing":  # by FastAPI, before a model reads it
            said = "the body is empty or null: send a JSON object"
        details.append((unicode_text(where)[:200], unicode_text(said)[:500]))
    first = ": ".join(filter(None, details[0])) if details else "the body is missing"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ApiError(422, f"Invalid request: {first}{more}", details=details)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: what a route may answer besides."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        codes = ", ".join(f"`{code}`" for code in CODES[status])
        said = f"{MEANINGS[status]} Code: {codes}."
        found[status] = {"model": ErrorResponse, "description": said}
    return found
