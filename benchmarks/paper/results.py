"""The results file by cell."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from grid.records import append_record, read_records

from .cells import Cell
from .origin import Origin

Results = dict[Cell, dict[str, Any]]
_NAMES = tuple(field.name for field in fields(Cell))


def read_results(path: Path) -> Results:
    """By cell; of two records of one cell the later."""
    return {Cell(**{name: of[name] for name in _NAMES}): of for of in read_records(path)}


def append_result(path: Path, cell: Cell, record: dict[str, Any]) -> None:
    append_record(path, {**asdict(cell), **record})


def check_same(results: Results, cell: Cell, origin: Origin) -> None:
    """Raises ValueError where the output has results of the same set of another origin, but for
    the base, where that is another; or does not say of which."""
    for other, record in results.items():
        had_all = record["recipe"]
        free = () if other.base == cell.base else ("base", "weights")
        differ = [key for key, of in origin.items() if key not in free and had_all.get(key) != of]
        if other.set == cell.set and differ:
            had = ", ".join(f"{key} {had_all.get(key, 'unknown')}" for key in differ)
            raise ValueError(f"the output has {other} with {had}: give another --output")
