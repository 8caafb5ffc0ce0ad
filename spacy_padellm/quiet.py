"""Keeps other programs' output readable: bars of transformers, and warnings that would repeat."""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator

from transformers.utils import logging as transformers_logging

MOST = 5  # warnings of a kind
_told: Counter[str] = Counter()


@contextlib.contextmanager
def no_progress_bars() -> Iterator[None]:
    """transformers' bars would tear the tables that training prints."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def warn_of_few(logger: logging.Logger, message: str, *values: object) -> None:
    """Warns of the first cases of a kind (`message`); a model that is not trained has thousands."""
    _told[message] += 1
    if _told[message] <= MOST:
        logger.warning(message, *values)
    if _told[message] == MOST:
        logger.warning("further warnings of this kind are left out (keep_raw has them all)")


def forget_warnings() -> None:
    """All kinds are told of again."""
    _told.clear()
