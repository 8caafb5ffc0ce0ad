"""One app of page and API, with one set of limits.

A request passes, in this order: `Measured`, `Guard` (host and key), `WholeBodies` (size and time),
FastAPI (types), the queue, the pipeline.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from spacy.language import Language
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ... import __version__
from ...pipeline.component import PaDeLLMNER
from .api import make_router
from .bodies import GoneError, WholeBodies
from .errors import ApiError, of_framework, show_json
from .guard import Guard
from .metrics import Measured
from .page import Page
from .service import Service
from .settings import ServeSettings

ABOUT = """Named entities of texts, with their offsets and probabilities.

Every error has the same shape: `{"error": {"code": ..., "message": ..., "details": [...]}}`."""


def make_app(
    nlp: Language,
    pipe: PaDeLLMNER,
    settings: ServeSettings | None = None,
    hosts: Sequence[str] = (),
) -> FastAPI:
    """pipe: the padellm_ner of the pipeline. hosts: names under which the server may be called; any
    if empty. `app.state.service` is what it asks. It serves one event loop, within its lifespan,
    and is not to be mounted into another app: that would not run its lifespan. The pipeline is its
    own from then on (`Extractor`)."""
    settings = settings or ServeSettings()
    service = Service(nlp, pipe, settings)
    page = Page(service)

    def show(scope: Scope, error: ApiError) -> Response:
        return (page.show_error if scope.get("path") == "/" else show_json)(scope, error)

    async def show_any(request: Request, error: Exception) -> Response:
        if isinstance(error, GoneError):
            return Response(status_code=499)  # nobody reads it
        return show(request.scope, of_framework(error))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    handlers: dict[Any, Any] = {
        error: show_any for error in (HTTPException, RequestValidationError, GoneError, Exception)
    }
    app = FastAPI(
        title="spacy-padellm",
        description=ABOUT,
        version=__version__,
        lifespan=lifespan,
        exception_handlers=handlers,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.include_router(make_router(service))
    app.include_router(page.router())
    # The last one is the first to see a request.
    app.add_middleware(
        WholeBodies,
        most=settings.max_bytes,
        seconds=settings.timeout,
        stop=service.stop,
        show=show,
    )
    app.add_middleware(Guard, hosts=tuple(hosts), key=settings.api_key, show=show)
    app.add_middleware(Measured, metrics=service.metrics, stop=service.stop)
    app.state.service = service
    return app
