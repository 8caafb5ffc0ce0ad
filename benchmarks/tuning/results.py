"""The results file: JSON lines, one a cell, written as the cell ends."""

from pathlib import Path
from typing import Any

from grid.records import append_record, read_records

from .cells import Cell, read_size, say_size

Results = dict[Cell, dict[str, Any]]


def read_results(path: Path) -> Results:
    """By cell; of two records of one cell the later. A line that was cut off is left out."""
    return {
        Cell(of["set"], read_size(of["size"]), of["system"], of["seed"]): of
        for of in read_records(path)
    }


def append_result(path: Path, cell: Cell, record: dict[str, Any]) -> None:
    """One line more, all of it or nothing."""
    names = {"set": cell.set, "size": say_size(cell.size)}
    names |= {"system": cell.system, "seed": cell.seed}
    append_record(path, {**names, **record})


def is_finished(record: dict[str, Any] | None, budget: float | None) -> bool:
    """Whether a cell need not run (again). One that a budget has stopped runs again with a larger.

    budget: minutes of training, None for no limit.
    """
    if record is None:
        return False
    stopped_at = record["budget"] if record["stopped"] else None
    return stopped_at is None or (budget is not None and budget <= stopped_at)
