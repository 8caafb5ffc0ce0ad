"""A process for each cell that is not there yet."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Generic, TypeVar

from tqdm import tqdm

from .machine import threads

CellT = TypeVar("CellT")


class Status(IntEnum):
    """How the process of a cell ends that did not fail. BUSY: another run is at it, or at one that
    it waits for. WAITS: for cells without a result, which nobody is at."""

    DONE = 0
    BUSY = 3
    WAITS = 4


_SAID = {
    Status.BUSY: "another run is at it, or at one that it needs",
    Status.WAITS: "it needs other cells, which have no result yet: see whether they failed",
}


@dataclass(frozen=True)
class Program(Generic[CellT]):
    """A program that does one cell where it is started with `--cell CELL` behind what it was given.

    say: the result of a cell that ended well, in a line. log: where it writes. variables: of the
    environment of its processes; one thread where none are given.
    """

    path: Path
    given: Sequence[str]
    say: Callable[[CellT], str]
    log: Callable[[CellT], Path]
    variables: Mapping[str, str] | None = None

    def run(self, cell: CellT, seconds: float | None = None) -> int | None:
        """The exit status of a cell's process, which ends with this one; None where it was ended
        after so many seconds."""
        command = [sys.executable, str(self.path), *self.given, "--cell", str(cell)]
        set_values = threads(1) if self.variables is None else self.variables
        with subprocess.Popen(command, env={**os.environ, **set_values}) as process:
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
            finally:
                process.terminate()


def run_cells(
    program: Program[CellT],
    cells: Sequence[CellT],
    is_there: Callable[[CellT], bool],
    minutes: float | None = None,
) -> int:
    """Runs the cells that are not there yet, one after the other. Returns how many failed.

    minutes: after which the run stops, amid a cell too; None for never.
    """
    until = None if minutes is None else time.monotonic() + 60 * minutes
    todo = [cell for cell in cells if not is_there(cell)]
    failed = 0
    with tqdm(total=len(cells), initial=len(cells) - len(todo), unit="cell", miniters=1) as bar:
        for cell in todo:
            bar.set_postfix_str(str(cell))
            left = None if until is None else until - time.monotonic()
            status = None if left is not None and left <= 0 else program.run(cell, left)
            if status is None:
                bar.write(f"{cell}: the time is up; the same command goes on from here")
                break
            if status == Status.DONE:
                bar.write(program.say(cell))
            elif status in _SAID:
                bar.write(f"{cell}: {_SAID[Status(status)]}")
            else:
                failed += 1
                bar.write(f"{cell}: failed with status {status}; its log is {program.log(cell)}")
            bar.update()
    return failed


def print_to(path: Path, mode: str = "wb") -> None:
    """What this process and its children print from now on; anew for each try, or with "ab" behind
    what is there."""
    with path.open(mode) as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
