"""Connections to clients that are slow or silent: each wait for a client has its time, and ends."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LINGER = 5.0  # seconds that a client may go on sending a body whose request was refused


class _TimedProtocol(H11Protocol):
    """uvicorn times only the pause between two requests, and no longer once a byte has come.

    One clock runs while no request is answered: for the head of the first, of the next, and for the
    rest of a body that nobody reads. Another runs while an answer is not taken. What `WholeBodies`
    reads it times itself. A connection whose time is over is cut off.
    """

    seconds: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asking: asyncio.TimerHandle | None = None
        self._taking: asyncio.TimerHandle | None = None
        self._lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._lingers and self.conn.their_state is not h11.SEND_BODY:
            self._stop_asking()  # all of what was refused has come
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # once the client has taken what was sent
            self._start_asking(self.seconds)
        elif self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._start_asking(min(LINGER, self.seconds))
            self._lingers = True

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._taking is None:
            self._taking = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_taking()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_asking()
        self._stop_taking()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_asking()
        elif self._asking is None and self.timeout_keep_alive_task is None:
            self._start_asking(self.seconds)

    def _start_asking(self, seconds: float) -> None:
        self._stop_asking()
        self._asking = self.loop.call_later(seconds, self.transport.abort)

    def _stop_asking(self) -> None:
        self._lingers = False
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None


def timed_protocol(seconds: float) -> type[asyncio.Protocol]:
    """For `uvicorn.Config(http=...)`. seconds: for the head of a request to arrive, and for an
    answer to be taken."""
    return type("TimedProtocol", (_TimedProtocol,), {"seconds": seconds})
