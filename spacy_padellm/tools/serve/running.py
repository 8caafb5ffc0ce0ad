"""The app in a process of its own, until it is told to stop."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from types import FrameType

import uvicorn
from spacy.language import Language
from starlette.types import ASGIApp, Receive, Scope, Send

from ...pipeline.component import PaDeLLMNER
from .app import make_app
from .connections import timed_protocol
from .service import Service
from .settings import LOCAL, ServeSettings

logger = logging.getLogger(__name__)
KEEP_ALIVE = 30  # seconds that an idle connection stays


class PipelineServer(uvicorn.Server):
    """Drains after SIGTERM, and tells the app when it stops."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        seconds = self.service.settings.drain
        if sig == signal.SIGTERM and self._stop_at is None and self.started and seconds > 0:
            self._captured_signals.append(sig)
            self.service.stop.drain()
            self._stop_at = time.monotonic() + seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.stop.begin()
        await super().shutdown(sockets)
        _say_end(self.service)  # now: the signal that was caught ends the process next


class _CutOff:
    """Says in a line that a client did not take its answer before the server ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            logger.warning("a client did not take its answer, and was cut off")


@contextlib.contextmanager
def heeding_sigterm() -> Iterator[None]:
    """Until the server itself does, as while a pipeline is loaded: the first process of a container
    ignores SIGTERM unless it has a handler for it. To be used in the main thread."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def make_server(
    nlp: Language, pipe: PaDeLLMNER, host: str, port: int, settings: ServeSettings | None = None
) -> PipelineServer:
    """To be run. On an address of this machine it is called under names of this machine only."""
    settings = settings or ServeSettings()
    app = make_app(nlp, pipe, settings, LOCAL if host in LOCAL else ())
    config = uvicorn.Config(
        _CutOff(app),
        host=host,
        port=port,
        http=timed_protocol(settings.timeout),
        ws="none",
        log_level="info",
        access_log=settings.access_log,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.stop_timeout) + 2,
        server_header=False,
    )
    return PipelineServer(config, app.state.service)


def run_server(
    nlp: Language, pipe: PaDeLLMNER, host: str, port: int, settings: ServeSettings | None = None
) -> None:
    """Serves until it is interrupted. After SIGTERM it drains, after SIGINT it stops at once; then
    it answers what it has accepted, for `stop_timeout` at most. A text that takes longer is given
    up, and the process with it. uvicorn says where it listens. Raises what loading the model
    raises, SystemExit where it cannot listen."""
    settings = settings or ServeSettings()
    if host not in LOCAL and not settings.api_key:
        logger.warning(
            "listening on %s: whoever reaches this machine can use the model; give an API key",
            host,
        )
    with heeding_sigterm():
        _ = pipe.shim.loaded  # whatever is wrong with it is said now
    server = make_server(nlp, pipe, host, port, settings)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)  # the reason is in uvicorn's log


def _say_end(service: Service) -> None:
    lost = service.accepted - service.answered - service.left
    said = f"Stopped: {service.accepted} requests were accepted, and {service.answered} answered"
    if service.left or lost:
        said += f"; given up: {service.left} by their clients, {lost} for want of time"
    logging.getLogger("uvicorn.error").info(said)
    if service.batcher.busy:
        logger.warning("a batch was still being read when the server stopped, and is given up")
        logging.shutdown()
        os._exit(1 if lost else 0)  # the thread that reads it cannot be ended, only waited for
