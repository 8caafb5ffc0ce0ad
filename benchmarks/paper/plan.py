"""What is asked for beside cells and recipes, and which cells are there already."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grid.folders import cell_folder

from .cells import FORMATS, LATENCY, Cell
from .folder import check_model
from .results import Results


@dataclass(frozen=True)
class Plan:
    """What is asked for beside the cells. formats: those whose latency is measured together; none
    where it is not. latency_texts, rounds: of that measurement; again: although it is there, for
    which models must have been kept. threads: of a cell."""

    data: Path
    output: Path
    formats: tuple[str, ...] = FORMATS
    keep_models: bool = False
    latency_texts: int = 96
    rounds: int = 3
    again: bool = False
    threads: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        """Of latency, by what options call them."""
        names = {"latency-texts": self.latency_texts, "rounds": self.rounds}
        return {**names, "threads": self.threads}

    def folder(self, cell: Cell) -> Path:
        return cell_folder(self.output, cell)

    def is_there(self, cell: Cell, results: Results) -> bool:
        if cell not in results or cell.format != LATENCY:
            return cell in results
        return not self.again and set(self.formats) <= set(results[cell]["formats"])

    def check_latency(self, cell: Cell, results: Results) -> None:
        """Of a cell that is the latency of formats.

        Raises ValueError where the one in the output was measured otherwise, or would be replaced
        by one of fewer formats, and where a model that is needed is gone.
        """
        if cell.format != LATENCY:
            return
        record, there = results.get(cell), self.is_there(cell, results)
        if record and there:
            had = record.get("settings", {})
            differ = [name for name, value in self.settings.items() if had.get(name) != value]
            if differ:
                said = " ".join(f"--{name} {had.get(name, 'unknown')}" for name in differ)
                raise ValueError(
                    f"the output has {cell} with {said}: give the same, or another --output, or "
                    f"--again to measure models that were kept"
                )
            return
        lost = [name for name in (record or {}).get("formats", ()) if name not in self.formats]
        if lost:
            raise ValueError(
                f"the output has {cell} of more formats, which would be lost: add "
                f"{' '.join(lost)} to --formats, or give another --output"
            )
        for other in self.needs(cell):
            if other in results:
                check_model(self.folder(other), other)

    def needs(self, cell: Cell) -> list[Cell]:
        """Those that must be there before: for latency, the formats that are measured."""
        return [cell.of_format(name) for name in self.formats] if cell.format == LATENCY else []

    def done_with(self, cell: Cell) -> list[Cell]:
        """Those whose weights nothing waits for once this cell is there."""
        if self.keep_models:
            return []
        return self.needs(cell) if self.formats else [cell]
