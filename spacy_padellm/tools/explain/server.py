"""A page on localhost: a text box, labels, and what the model says of the text.

Starlette and uvicorn (extra `serve`). Texts are data: they are escaped, no page has a script, and a
Content-Security-Policy forbids any.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from weakref import WeakKeyDictionary

import uvicorn
from anyio import to_thread
from spacy.language import Language
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ...formats.json_text import is_unicode, write_json
from ...pipeline.component import PaDeLLMNER
from ...spans.numeric import check_number
from .explanation import Explanation, explain
from .limits import BODY_SECONDS, STOP_SECONDS, GoneError, RefusedError, Stop, read_body
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


class Explainer:
    """Answers requests with one pipeline, one text at a time. limit: longest text, in characters.
    body_seconds: for the body of a request."""

    def __init__(
        self, nlp: Language, pipe: PaDeLLMNER, limit: int, body_seconds: float = BODY_SECONDS
    ) -> None:
        self.nlp, self.pipe, self.limit = nlp, pipe, limit
        self.body_seconds = body_seconds
        self.labels = list(pipe.labels)
        self.busy = False
        self._turn = threading.Lock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Stop] = WeakKeyDictionary()

    @property
    def stop(self) -> Stop:
        """Of the event loop that runs now: an app may be asked in several, one after the other."""
        return self._loops.setdefault(asyncio.get_running_loop(), Stop())

    def explain(self, text: str, labels: list[str]) -> Explanation:
        """Raises RefusedError for an empty or long text, labels that are not asked for, and what
        the pipeline cannot read."""
        if not text.strip():
            raise RefusedError("The text is empty.")
        if len(text) > self.limit:
            raise RefusedError(
                f"The text has {len(text)} characters; this server takes up to {self.limit}.", 413
            )
        if unknown := [label for label in labels if label not in self.labels]:
            raise RefusedError(f"The model is not asked for {', '.join(unknown)[:200]}.")
        if not is_unicode(text):
            raise RefusedError("The text is no Unicode: it has half of a character.")
        with self._turn:
            self.busy = True
            try:
                with self.nlp.memory_zone():  # or every new word would stay in memory for ever
                    found = explain(self.nlp, self.pipe, text)
            except (ValueError, OSError) as error:  # such as a model server that is down
                logger.warning("a text was not answered: %s", error)
                status = 502 if isinstance(error, OSError) else 500
                raise RefusedError(f"The model did not answer: {error}", status) from error
            finally:
                self.busy = False
        wanted = set(labels or self.labels)
        found.labels[:] = [label for label in found.labels if label.label in wanted]
        return found

    async def _explain(self, text: str, labels: list[str]) -> Explanation:
        """In a thread. Texts that wait for their turn when the server stops are refused."""
        queue = self.stop.queue
        await self.stop.unless(queue.acquire())
        try:
            work = to_thread.run_sync(self.explain, text, labels, abandon_on_cancel=True)
            return await self.stop.unless(work, grace=STOP_SECONDS)
        finally:
            queue.release()

    async def form(self, request: Request) -> Response:
        """GET shows the empty form, POST the answer."""
        if request.method in ("GET", "HEAD"):
            return HTMLResponse(render_form(self.labels, self.limit), headers=HEADERS)
        text, labels = "", self.labels
        try:
            await self._read_body(request)
            async with request.form(max_files=0, max_fields=200) as form:
                text = str(form.get("text", "")).replace("\r\n", "\n")
                labels = [str(label) for label in form.getlist("labels")]
            found = await self._explain(text, labels)
        except RefusedError as error:
            page = render_form(self.labels, self.limit, text[: self.limit], labels, error=error)
            return HTMLResponse(page, error.status, HEADERS)
        except GoneError:
            return Response(status_code=400)
        page = render_form(self.labels, self.limit, text, labels, explanation=found)
        return HTMLResponse(page, headers=HEADERS)

    async def api(self, request: Request) -> Response:
        """POST {"text": ..., "labels": [...]}: the same as JSON."""
        try:
            await self._read_body(request)
            try:
                asked = await request.json()
                text, labels = asked["text"], asked.get("labels") or []
                if not isinstance(text, str) or not isinstance(labels, list):
                    raise TypeError
                labels = [str(label) for label in labels]
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                raise RefusedError('Send JSON: {"text": "...", "labels": ["PER"]}.') from None
            found = await self._explain(text, list(labels))
        except RefusedError as error:
            return JSONResponse({"error": str(error)}, error.status, HEADERS)
        except GoneError:
            return Response(status_code=400)
        return Response(write_json(found.to_dict()), 200, HEADERS, "application/json")

    async def _read_body(self, request: Request) -> None:
        """Reads it up to what a text may have, for Starlette to take apart."""
        most = BYTES_A_CHARACTER * self.limit + 10_000
        request._body = await read_body(request, most, self.stop, self.body_seconds)


def _routes(explainer: Explainer, hosts: list[str] | None) -> Starlette:
    """hosts: names under which it may be called; any if None."""
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


class _Server(uvicorn.Server):
    """Tells the requests under way that it stops: uvicorn would wait for a client that has sent
    half of its body, and cancel the others with a traceback each."""

    def __init__(self, config: uvicorn.Config, explainer: Explainer) -> None:
        super().__init__(config)
        self._explainer = explainer

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._explainer.stop.begin()
        await super().shutdown(sockets)


class _CutOff:
    """Says in a line that a client did not take its answer before the server ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            logger.warning("a client did not take its answer, and was cut off")


def run_server(
    nlp: Language,
    pipe: PaDeLLMNER,
    host: str,
    port: int,
    limit: int,
    body_seconds: float = BODY_SECONDS,
) -> None:
    """Serves until it is interrupted (SIGINT, SIGTERM), and ends within seconds then; uvicorn says
    where it listens. A text that takes longer is given up, and the process with it. Raises
    ValueError for a limit or a time that is none, SystemExit where it cannot listen."""
    check_number("limit", limit, least=1, whole=True)
    check_number("the time for a body", body_seconds, above=0)
    if host not in LOCAL:
        logger.warning(
            "listening on %s: whoever reaches this machine can use the model; there is no password",
            host,
        )
    explainer = Explainer(nlp, pipe, limit, body_seconds)
    config = uvicorn.Config(
        _CutOff(_routes(explainer, list(LOCAL) if host in LOCAL else None)),
        host=host,
        port=port,
        log_level="info",
        timeout_graceful_shutdown=int(STOP_SECONDS) + 2,
    )
    server = _Server(config, explainer)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn.run does; the reason is in its log
    if explainer.busy:
        logger.warning("a text was still being read when the server stopped: it is given up")
        logging.shutdown()
        os._exit(1)  # the thread that reads it cannot be ended, and would be waited for
