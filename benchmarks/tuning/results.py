"""The results file: JSON lines, one a cell, written as the cell ends."""

import json
import logging
from pathlib import Path
from typing import Any

from spacy_padellm.atomic import append_whole

from .cells import Cell, read_size, say_size

logger = logging.getLogger(__name__)
Results = dict[Cell, dict[str, Any]]


def read_results(path: Path) -> Results:
    """By cell; of two records of one cell the later. A line that was cut off is left out."""
    found: Results = {}
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            logger.warning("%s:%d: no whole record; it is left out", path, number)
            continue
        size = read_size(record["size"])
        found[Cell(record["set"], size, record["system"], record["seed"])] = record
    return found


def append_result(path: Path, cell: Cell, record: dict[str, Any]) -> None:
    """One line more, all of it or nothing."""
    names = {"set": cell.set, "size": say_size(cell.size)}
    names |= {"system": cell.system, "seed": cell.seed}
    path.parent.mkdir(parents=True, exist_ok=True)
    append_whole(path, (json.dumps({**names, **record}, ensure_ascii=False) + "\n").encode("utf8"))


def is_finished(record: dict[str, Any] | None, budget: float | None) -> bool:
    """Whether a cell need not run (again). One that a budget has stopped runs again with a larger.

    budget: minutes of training, None for no limit.
    """
    if record is None:
        return False
    stopped_at = record["budget"] if record["stopped"] else None
    return stopped_at is None or (budget is not None and budget <= stopped_at)
