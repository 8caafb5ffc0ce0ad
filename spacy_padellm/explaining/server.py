"""A page on localhost: a text box, labels, and what the model says of the text.

Starlette and uvicorn (extra `serve`). Texts are data: they are escaped, no page has a script, and a
Content-Security-Policy forbids any.
"""

import logging
import threading
from typing import Any

import uvicorn
from spacy.language import Language
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..component import PaDeLLMNER
from .explanation import Explanation, explain
from .page import render_form

logger = logging.getLogger(__name__)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
BYTES_A_CHARACTER = 12  # of a form: four bytes of UTF-8, each as %XX
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")


class RefusedError(ValueError):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Explainer:
    """Answers requests with one pipeline, one text at a time.

    limit: longest text, in characters.
    """

    def __init__(self, nlp: Language, pipe: PaDeLLMNER, limit: int) -> None:
        self.nlp, self.pipe, self.limit = nlp, pipe, limit
        self._turn = threading.Lock()
        self.labels = list(pipe.labels)

    def explain(self, text: str, labels: list[str]) -> Explanation:
        """Raises RefusedError for an empty or long text, and labels that are not asked for."""
        if not text.strip():
            raise RefusedError("The text is empty.")
        if len(text) > self.limit:
            raise RefusedError(
                f"The text has {len(text)} characters; this server takes up to {self.limit}.", 413
            )
        if unknown := [label for label in labels if label not in self.labels]:
            raise RefusedError(f"The model is not asked for {', '.join(unknown)[:200]}.")
        try:
            text.encode("utf8")
        except UnicodeEncodeError:
            raise RefusedError("The text is no Unicode: it has half of a character.") from None
        with self._turn:
            found = explain(self.nlp, self.pipe, text)
        wanted = set(labels or self.labels)
        found.labels[:] = [label for label in found.labels if label.label in wanted]
        return found

    async def form(self, request: Request) -> Response:
        """GET shows the empty form, POST the answer."""
        if request.method in ("GET", "HEAD"):
            return HTMLResponse(render_form(self.labels, self.limit), headers=HEADERS)
        text, labels = "", self.labels
        try:
            await self._check_size(request)
            async with request.form(max_files=0, max_fields=200) as form:
                text = str(form.get("text", "")).replace("\r\n", "\n")
                labels = [str(label) for label in form.getlist("labels")]
            found = await run_in_threadpool(self.explain, text, labels)
        except RefusedError as error:
            page = render_form(self.labels, self.limit, text[: self.limit], labels, error=error)
            return HTMLResponse(page, error.status, HEADERS)
        page = render_form(self.labels, self.limit, text, labels, explanation=found)
        return HTMLResponse(page, headers=HEADERS)

    async def api(self, request: Request) -> Response:
        """POST {"text": ..., "labels": [...]}: the same as JSON."""
        try:
            await self._check_size(request)
            try:
                asked = await request.json()
                text, labels = asked["text"], asked.get("labels") or []
                if not isinstance(text, str) or not isinstance(labels, list):
                    raise TypeError
                labels = [str(label) for label in labels]
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                raise RefusedError('Send JSON: {"text": "...", "labels": ["PER"]}.') from None
            found = await run_in_threadpool(self.explain, text, list(labels))
        except RefusedError as error:
            return JSONResponse({"error": str(error)}, error.status, HEADERS)
        return JSONResponse(found.to_dict(), headers=HEADERS)

    async def _check_size(self, request: Request) -> None:
        """Reads the body up to what a text may have, whatever its length is said to be."""
        most = BYTES_A_CHARACTER * self.limit + 10_000
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise RefusedError(f"The request is larger than {most} bytes.", 413)
            parts.append(part)
        request._body = b"".join(parts)


def make_app(nlp: Language, pipe: PaDeLLMNER, limit: int, hosts: list[str] | None = None) -> Any:
    """The ASGI application. hosts: names under which it may be called; any if None.

    Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}: it must be at least 1")
    explainer = Explainer(nlp, pipe, limit)
    app = Starlette(
        routes=[
            Route("/", explainer.form, methods=["GET", "POST"]),
            Route("/api/explain", explainer.api, methods=["POST"]),
        ]
    )
    if hosts:
        # A page elsewhere could otherwise reach the server under a name of its own.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    return app


def run_server(nlp: Language, pipe: PaDeLLMNER, host: str, port: int, limit: int) -> None:
    """Serves until it is interrupted; uvicorn says where. Raises ValueError for a bad limit."""
    if host not in LOCAL:
        logger.warning(
            "listening on %s: whoever reaches this machine can use the model; there is no password",
            host,
        )
    app = make_app(nlp, pipe, limit, list(LOCAL) if host in LOCAL else None)
    uvicorn.run(app, host=host, port=port, log_level="info")
