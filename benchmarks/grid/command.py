"""A command that reports, does one cell, or does all that are not there yet."""

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from .processes import Status


def add_options(
    parser: argparse.ArgumentParser, output: Path, read_cell: Callable[[str], object]
) -> None:
    """Those that `run_command` reads. output: the default. read_cell: of what a cell says it is."""
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--output", type=Path, default=output, help=f"default: {output}")
    only = "only write tables and a plot from the results in --output; default: beside it"
    parser.add_argument("--report", nargs="?", type=Path, const=True, metavar="FILE.md", help=only)
    parser.add_argument("--cell", type=read_cell, help=argparse.SUPPRESS)


def read_number(text: str) -> int:
    """A number above 0, as an option. Raises ArgumentTypeError for anything else."""
    if not is_number(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def is_number(text: str) -> bool:
    """Whether it is a whole number above 0."""
    return text.isdecimal() and int(text) > 0


def run_command(
    parser: argparse.ArgumentParser,
    given: Sequence[str],
    report: Callable[[argparse.Namespace, Path], str],
    run: Callable[[argparse.Namespace, Sequence[str]], int],
    run_cell: Callable[[argparse.Namespace], Status],
) -> int:
    """The exit status: 1 where cells failed, of one cell its own.

    report: writes a page to a path and returns it. run: does the cells that are not there yet, by
    the same words, and returns how many failed. A ValueError of theirs is a mistake of the user's;
    one of a cell is left as it is, for its log.
    """
    arguments = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO if arguments.cell else logging.WARNING)
    try:
        if arguments.report is not None:
            beside = arguments.output.with_suffix(".md")
            print(report(arguments, beside if arguments.report is True else arguments.report))
            return 0
        if arguments.data is None:
            parser.error("--data is missing: the folder with the sets")
        if arguments.cell is None:
            return int(run(arguments, given) > 0)
        return run_cell(arguments)
    except ValueError as error:
        if arguments.cell:
            raise
        parser.error(str(error))
