"""The end of a server: it drains, then it stops, and what it has accepted is answered."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from .errors import ApiError
from .racing import OvertakenError, unless

T = TypeVar("T")


class Stop:
    """Whether the server is about to end. draining: it answers as before, but `/ready` does not,
    and connections are closed after their answer."""

    def __init__(self) -> None:
        self.draining = False
        self._event = asyncio.Event()

    @property
    def begun(self) -> bool:
        return self._event.is_set()

    def drain(self) -> None:
        self.draining = True

    def begin(self) -> None:
        self.draining = True
        self._event.set()

    async def unless(self, work: Awaitable[T], grace: float = 0.0) -> T:
        """What comes of the work. Raises ApiError (503) where the server stops before, and `grace`
        seconds do not suffice; the work is cancelled."""
        try:
            return await unless(work, self._event.wait(), grace)
        except OvertakenError:
            raise ApiError(503, "The server is stopping.", "stopping") from None
