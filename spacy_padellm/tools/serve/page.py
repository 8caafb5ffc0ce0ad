"""The page for people: a text box, labels, and what the model says of the text.

Texts are data: they are escaped, the page has no script, and a Content-Security-Policy forbids any.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse
from starlette.types import Scope

from ..explain.explanation import Labels
from ..explain.page import render_form
from .errors import ApiError
from .schema import MOST_DESCRIPTION, MOST_LABELS, MOST_NAME
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
        return HTMLResponse(self._render(), headers=HEADERS)

    async def answer(self, request: Request) -> Response:
        text, labels, typed = "", self._labels, ""
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
                    typed = str(form.get("others", "")).replace("\r\n", "\n")
            except ValueError as error:  # of python-multipart, which older starlettes pass on
                raise ApiError(400, "The form cannot be read.") from error
            known, named = self._service.labels, read_typed(typed)
            check_size({**{label: "" for label in labels if label not in known}, **named})
            ticked = {label: known.get(label, "") for label in labels}
            asked: Labels = {**ticked, **named} if named else labels
            found = await self._service.explain(text, asked, request)
        except ApiError as error:
            return self.refuse(error, text, labels, typed)
        page = self._render(text, labels, typed, explanation=found)
        return HTMLResponse(page, headers=HEADERS)

    def refuse(
        self, error: ApiError, text: str = "", labels: list[str] | None = None, typed: str = ""
    ) -> Response:
        """The form with an error above it."""
        page = self._render(text[: self._limit], labels, typed[: self._limit], error=error)
        return HTMLResponse(page, error.status_code, {**HEADERS, **(error.headers or {})})

    def _render(
        self, text: str = "", labels: list[str] | None = None, typed: str = "", **more: Any
    ) -> str:
        """labels: that are ticked; all where that is None, or empty."""
        others = typed if self._service.extractor.takes_others else None
        return render_form(self._labels, self._limit, text, labels, others, **more)

    def show_error(self, scope: Scope, error: ApiError) -> Response:
        return self.refuse(error)

    @property
    def _labels(self) -> list[str]:
        return list(self._service.labels)


def check_size(labels: Mapping[str, str]) -> None:
    """Raises ApiError for more, or longer, labels than a request of the API may have. labels: those
    that the pipeline does not have."""
    if len(labels) > MOST_LABELS or any(
        len(label) > MOST_NAME or len(text) > MOST_DESCRIPTION for label, text in labels.items()
    ):
        said = (
            f"Up to {MOST_LABELS} labels may be asked for, of {MOST_NAME} characters each, with "
            f"descriptions of {MOST_DESCRIPTION:,}."
        )
        raise ApiError(422, said, details=[("labels", said)])


def read_typed(typed: str) -> dict[str, str]:
    """Label → description, "" for none. typed: a line "label: description" for each, or names with
    commas between them."""
    found: dict[str, str] = {}
    for line in typed.splitlines():
        name, colon, description = line.partition(":")
        names = [name] if colon else name.split(",")
        found |= {name.strip(): description.strip() for name in names if name.strip()}
    return found
