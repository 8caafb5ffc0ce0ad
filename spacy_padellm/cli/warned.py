"""Warnings of the package, as commands show them."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import typer
from wasabi import Printer

PACKAGE = __name__.partition(".")[0]


@contextlib.contextmanager
def clean_warnings() -> Iterator[None]:
    """Within it, what the package warns of is a line on standard error, without the place in its
    source; warnings of others are shown as ever. It is for the process of a command: a library
    leaves this to its user."""
    before = warnings.showwarning

    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        if not _is_ours():
            before(message, *where, **more)
            return
        line = str(Printer(no_print=True).warn(str(message)))
        typer.echo(line, err=True)  # in colours where they are shown

    warnings.showwarning = show
    try:
        yield
    finally:
        if warnings.showwarning is show:  # another may have taken its place
            warnings.showwarning = before


def _is_ours() -> bool:
    """Whether who warns is of this package, whomever the warning points at."""
    frame = sys._getframe(1)
    while frame and frame.f_globals.get("__name__") in ("warnings", "_py_warnings", __name__):
        frame = frame.f_back  # type: ignore[assignment]
    return bool(frame) and str(frame.f_globals.get("__name__")).partition(".")[0] == PACKAGE
