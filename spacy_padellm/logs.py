"""What is told: of warnings that would repeat the first cases, of errors the first line."""

import logging
from collections import Counter

MOST = 5  # warnings of a kind
_told: Counter[str] = Counter()


def warn_of_few(logger: logging.Logger, message: str, *values: object) -> None:
    """Warns of the first cases of a kind (`message`); a model that is not trained has thousands."""
    _told[message] += 1
    if _told[message] <= MOST:
        logger.warning(message, *values)
    if _told[message] == MOST:
        logger.warning("further warnings of this kind are left out (keep_raw has them all)")


def first_line(error: BaseException) -> str:
    """What an error says, in 200 characters at most; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def forget_warnings() -> None:
    """All kinds are told of again."""
    _told.clear()
