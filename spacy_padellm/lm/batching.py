"""Batches by a token budget, and smaller ones where memory runs out."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")


def plan_batches(sizes: Sequence[int], budget: int, padded: bool = False) -> list[list[int]]:
    """Indices by batch, longest first, each batch at most `budget` tokens (or one item). padded:
    items are as long as the longest of their batch."""
    batches: list[list[int]] = []
    filled = 0
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        size = sizes[batches[-1][0]] if padded and batches else sizes[i]
        if not batches or filled + size > budget:
            batches.append([])
            filled, size = 0, sizes[i]
        batches[-1].append(i)
        filled += size
    return batches


def halve_on_memory_error(
    run: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    free_memory: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Runs `items` as one batch; where memory runs out, as two halves, and so on. free_memory:
    called before the halves are tried. Raises MemoryError where a single item does not fit."""
    try:
        return run(items)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            raise MemoryError(
                "one text does not fit into memory: lower `window`, use a smaller `dtype`, or "
                "a device with more memory"
            ) from error
    free_memory()
    half = len(items) // 2
    logger.warning("out of memory with %d texts in a batch; trying %d", len(items), half)
    return [
        *halve_on_memory_error(run, items[:half], free_memory),
        *halve_on_memory_error(run, items[half:], free_memory),
    ]


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message
