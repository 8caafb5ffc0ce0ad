"""The page for people: a text box, labels, and what the model says of the text.

Texts are data: they are escaped, the page has no script, and a Content-Security-Policy forbids any.
"""

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse
from starlette.types import Scope

from ..explain.page import render_form
from .errors import ApiError
from .service import Service

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MOST_FIELDS = 500
BYTES_A_CHARACTER = 12  # of a form: four bytes of UTF-8, each as %XX


class Page:
    """The form, empty, answered or refused."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limit = service.settings.limit

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.show, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route("/", self.answer, methods=["POST"], response_model=None)
        return router

    async def show(self) -> Response:
        return HTMLResponse(render_form(self._labels, self._limit), headers=HEADERS)

    async def answer(self, request: Request) -> Response:
        text, labels = "", self._labels
        most = BYTES_A_CHARACTER * self._limit + 10_000
        try:
            if len(await request.body()) > most:
                raise ApiError(413, f"The form is larger than {most} bytes.")
            try:
                async with request.form(
                    max_files=0, max_fields=MOST_FIELDS, max_part_size=most
                ) as form:
                    text = str(form.get("text", "")).replace("\r\n", "\n")
                    labels = [str(label) for label in form.getlist("labels")]
            except ValueError as error:  # of python-multipart, which older starlettes pass on
                raise ApiError(400, "The form cannot be read.") from error
            found = await self._service.explain(text, labels, request)
        except ApiError as error:
            return self.refuse(error, text, labels)
        page = render_form(self._labels, self._limit, text, labels, explanation=found)
        return HTMLResponse(page, headers=HEADERS)

    def refuse(self, error: ApiError, text: str = "", labels: list[str] | None = None) -> Response:
        """The form with an error above it."""
        page = render_form(self._labels, self._limit, text[: self._limit], labels, error=error)
        return HTMLResponse(page, error.status_code, {**HEADERS, **(error.headers or {})})

    def show_error(self, scope: Scope, error: ApiError) -> Response:
        return self.refuse(error)

    @property
    def _labels(self) -> list[str]:
        return list(self._service.labels)
