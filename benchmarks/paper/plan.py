"""What is asked for beside cells and recipes, and which cells are there already."""

from dataclasses import dataclass
from pathlib import Path

from grid.folders import cell_folder

from .cells import FORMATS, LATENCY, Cell
from .results import Results


@dataclass(frozen=True)
class Plan:
    """What is asked for beside the cells. formats: those whose latency is measured together; none
    where it is not. latency_texts, rounds: of that measurement; again: although it is there."""

    data: Path
    output: Path
    formats: tuple[str, ...] = FORMATS
    keep_models: bool = False
    latency_texts: int = 96
    rounds: int = 3
    again: bool = False

    def folder(self, cell: Cell) -> Path:
        return cell_folder(self.output, cell)

    def is_there(self, cell: Cell, results: Results) -> bool:
        if cell not in results or cell.format != LATENCY:
            return cell in results
        return not self.again and set(self.formats) <= set(results[cell]["formats"])

    def needs(self, cell: Cell) -> list[Cell]:
        """Those that must be there before: for latency, the formats that are measured."""
        return [cell.of_format(name) for name in self.formats] if cell.format == LATENCY else []

    def done_with(self, cell: Cell) -> list[Cell]:
        """Those whose weights nothing waits for once this cell is there."""
        if self.keep_models:
            return []
        return self.needs(cell) if self.formats else [cell]
