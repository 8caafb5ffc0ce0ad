"""Results of several seeds as one figure: what tables and curves show."""

import statistics
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from grid import timing

from .cells import Cell
from .results import Results
from .seen import has_seen

Key = tuple[str, int | None, str]  # set, size, system
Figure = Callable[[dict[str, Any]], float | None]  # of a record


@dataclass(frozen=True)
class Summary:
    """values: by seed. asked: seeds that any system was tried with on this set and size."""

    values: dict[int, float]
    asked: int

    @property
    def median(self) -> float:
        return statistics.median(self.values.values())

    @property
    def least(self) -> float:
        return min(self.values.values())

    @property
    def most(self) -> float:
        return max(self.values.values())


def f1(record: dict[str, Any]) -> float | None:
    """Percent, on the test texts; None where there was no model."""
    return 100 * record["test"]["f"] if record["test"] else None


def cpu_minutes(record: dict[str, Any]) -> float | None:
    return float(record["minutes"]["cpu"])


def texts_a_second(record: dict[str, Any]) -> float | None:
    return float(record["texts_a_second"]["cpu"]) if record["texts_a_second"] else None


def ran_beside(record: dict[str, Any]) -> bool:
    """Whether training waited for the processor much of the time."""
    minutes = record["minutes"]
    return timing.ran_beside(minutes["wall"], minutes["cpu"])


def summarise(results: Results, figure: Figure) -> dict[Key, Summary]:
    """Of all that have a figure with one seed at least."""
    asked = seeds_asked(results)
    values: dict[Key, dict[int, float]] = {}
    for cell, record in results.items():
        if (value := figure(record)) is not None:
            values.setdefault((cell.set, cell.size, cell.system), {})[cell.seed] = value
    return {key: Summary(of, len(asked[key[:2]])) for key, of in values.items()}


def seeds_asked(results: Results) -> dict[tuple[str, int | None], set[int]]:
    """By set and size, the seeds that any system was tried with."""
    asked: dict[tuple[str, int | None], set[int]] = {}
    for cell in results:
        asked.setdefault((cell.set, cell.size), set()).add(cell.seed)
    return asked


def without_result(results: Results) -> list[Cell]:
    """Cells without one, of systems that were tried at that size, where others have one for the
    same set, size and seed."""
    tried = dict.fromkeys((cell.size, cell.system) for cell in results)
    return [
        cell
        for (name, size), seeds in seeds_asked(results).items()
        for n, system in tried
        if n == size
        for cell in (Cell(name, size, system, seed) for seed in sorted(seeds))
        if cell not in results
    ]


def sets_seen(results: Results) -> dict[str, set[str]]:
    """By system, the sets that its base has learned from before (`has_seen`)."""
    seen: dict[str, set[str]] = {}
    for cell, record in results.items():
        if has_seen(record, cell.set):
            seen.setdefault(cell.system, set()).add(cell.set)
    return seen


@dataclass(frozen=True)
class Means:
    """Of a system and of another, over the sets that both have figures of the same seeds for: of
    each set, the median of those seeds."""

    sets: tuple[str, ...]
    mine: float
    other: float

    @property
    def above(self) -> float:
        return self.mine - self.other


def compare_means(
    found: Mapping[Key, Summary],
    size: int | None,
    system: str,
    other: str,
    without: Collection[str] = (),
) -> Means | None:
    """At that size; None where they have no set in common. without: sets that are left out."""
    mine, others = {}, {}
    for name in sorted({name for name, n, of in found if (n, of) == (size, system)} - {*without}):
        of_mine, of_other = found[name, size, system], found.get((name, size, other))
        if of_other and (seeds := of_mine.values.keys() & of_other.values.keys()):
            mine[name], others[name] = (
                statistics.median(of.values[i] for i in seeds) for of in (of_mine, of_other)
            )
    if not mine:
        return None
    return Means(tuple(mine), statistics.mean(mine.values()), statistics.mean(others.values()))


def processors(results: Results) -> dict[tuple[str, int | None], set[str]]:
    """By set and size, those that its figures are of."""
    found: dict[tuple[str, int | None], set[str]] = {}
    for cell, record in results.items():
        name = record["machine"].get("processor", "")
        found.setdefault((cell.set, cell.size), set()).add(name)
    return found


def names_in_order(results: Results, systems: bool = False) -> list[str]:
    """Sets, or systems, as they come."""
    return list(dict.fromkeys(cell.system if systems else cell.set for cell in results))


def sizes_in_order(results: Results) -> list[int | None]:
    """Small to large, all last."""
    numbers = {cell.size for cell in results}
    return sorted(numbers, key=lambda size: (size is None, size or 0))
