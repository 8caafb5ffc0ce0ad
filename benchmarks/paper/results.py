"""The results file by cell."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from grid.records import append_record, read_records

from .cells import Cell
from .recipe import Recipe

LOG = "train.log"
Results = dict[Cell, dict[str, Any]]
_NAMES = tuple(field.name for field in fields(Cell))


def cell_folder(output: Path, cell: Cell) -> Path:
    """Where a cell works, beside the results file: checkpoints, model, log."""
    return output.with_name(f"{output.stem}_cells") / str(cell).replace("/", "-")


def read_results(path: Path) -> Results:
    """By cell; of two records of one cell the later."""
    return {Cell(**{name: of[name] for name in _NAMES}): of for of in read_records(path)}


def append_result(path: Path, cell: Cell, record: dict[str, Any]) -> None:
    append_record(path, {**asdict(cell), **record})


def check_same(results: Results, cell: Cell, recipe: Recipe) -> None:
    """Raises ValueError where the output has results of the same cells by another recipe."""
    wanted = recipe.record()
    for other, record in results.items():
        differ = [key for key, value in wanted.items() if record["recipe"].get(key) != value]
        if other.group == cell.group and differ:
            had = ", ".join(f"{key} {record['recipe'].get(key)}" for key in differ)
            raise ValueError(f"the output has {other} with {had}: give another --output")
