"""The options of a command, as a reader of its results can give them again."""

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def say_options(arguments: argparse.Namespace, leave_out: tuple[str, ...] = ("output",)) -> str:
    """All of them, defaults too, but those that are off; of an absolute path its name alone."""
    words: list[str] = []
    for name, value in vars(arguments).items():
        if name in leave_out or value is None or value is False:
            continue
        words += [f"--{name.replace('_', '-')}", *_words(value)]
    return shlex.join(words)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _words(one)
    elif value is not True:
        path = Path(str(value))
        yield path.name if path.is_absolute() else str(value)
