"""Work that is only worth its while until something else happens."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class OvertakenError(Exception):
    """The other event came first."""


async def unless(work: Awaitable[T], other: Awaitable[object], grace: float = 0.0) -> T:
    """What comes of the work. Raises OvertakenError, and cancels the work, where `other` is done
    before it and another `grace` seconds do not suffice."""
    task, event = asyncio.ensure_future(work), asyncio.ensure_future(other)
    try:
        await asyncio.wait({task, event}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and grace:
            await asyncio.wait({task}, timeout=grace)
        if not task.done():
            raise OvertakenError
        return task.result()
    finally:
        task.cancel()
        event.cancel()
