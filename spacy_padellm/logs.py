"""What is told: of warnings that would repeat the first cases, of errors the first line."""

import logging
from collections import Counter

MOST = 5  # warnings of a kind
told: Counter[str] = Counter()  # by kind, in this process


def warn_of_few(logger: logging.Logger, message: str, *values: object) -> None:
    """Warns of the first cases of a kind (`message`); a model that is not trained has thousands."""
    told[message] += 1
    if told[message] <= MOST:
        logger.warning(message, *values)
    if told[message] == MOST:
        logger.warning("further warnings of this kind are left out")


def first_line(error: BaseException) -> str:
    """What an error says, in 200 characters at most; its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
