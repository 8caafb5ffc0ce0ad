"""Cells: one system, trained once, on so many texts of a set, with a seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grid.command import is_number

SIZES = ("50", "200", "1000", "all")
FEW = 200  # up to so many texts results depend much on which they are


@dataclass(frozen=True)
class Cell:
    """size: training texts, None for all."""

    set: str
    size: int | None
    system: str
    seed: int

    def __str__(self) -> str:
        return f"{self.set}/{say_size(self.size)}/{self.system}/{self.seed}"


def read_cell(text: str) -> Cell:
    """Of `str(cell)`."""
    name, size, system, seed = text.split("/")
    return Cell(name, read_size(size), system, int(seed))


def read_size(text: str) -> int | None:
    """A number above 0, or None for "all". Raises ValueError for anything else."""
    if text == "all":
        return None
    if not is_number(text):
        raise ValueError(f"{text!r} is no size: give a number of texts, or all")
    return int(text)


def say_size(size: int | None) -> str:
    return "all" if size is None else str(size)


def plan(
    totals: Mapping[str, int],
    sizes: Sequence[int | None],
    systems: Sequence[str],
    seeds: Sequence[int] | None,
) -> Iterator[Cell]:
    """Cells in the order of the sizes, systems side by side.

    totals: training texts of each set; a size that a set does not reach is left out, as it would
    be the same as all. seeds: None for 0, 1, 2 up to 200 texts and 0 above.
    """
    for size in sizes:
        drawn = seeds or ((0, 1, 2) if size is not None and size <= FEW else (0,))
        for name, total in totals.items():
            if size is None or size < total:
                yield from (Cell(name, size, system, seed) for seed in drawn for system in systems)
