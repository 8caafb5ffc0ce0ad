"""Results of several seeds as one figure: what tables and curves show."""

import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import Cell
from .results import Results
from .seen import has_seen

Key = tuple[str, int | None, str]  # set, size, system
Figure = Callable[[dict[str, Any]], float | None]  # of a record
BESIDE = 1.5  # minutes by the clock for one of the processor: more, and other work ran beside it


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
    return bool(minutes["wall"] > BESIDE * minutes["cpu"])


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


def mean_over_sets(
    found: dict[Key, Summary],
    size: int | None,
    systems: Sequence[str],
    without: Collection[str] = (),
) -> tuple[list[str], dict[str, float]]:
    """The sets that all of the systems have figures for at that size, and the means over them.

    A system that has none at that size is left out. without: sets that are left out.
    """
    sets = {
        system: {
            name for name, n, of in found if n == size and of == system and name not in without
        }
        for system in systems
    }
    sets = {system: names for system, names in sets.items() if names}
    common = sorted(set.intersection(*sets.values())) if sets else []
    means = {
        system: statistics.mean(found[name, size, system].median for name in common)
        for system in (sets if common else ())
    }
    return common, means


def mean_above(
    found: dict[Key, Summary],
    size: int | None,
    system: str,
    rival: str,
    without: Collection[str] = (),
) -> tuple[int, float] | None:
    """On how many sets both have figures of the same seeds at that size, and the mean over them of
    how far the system's median of those seeds is above the rival's; None on no set.

    without: sets that are left out.
    """
    above = []
    for name in sorted({name for name, n, of in found if (n, of) == (size, system)} - {*without}):
        ours, theirs = found[name, size, system], found.get((name, size, rival))
        if theirs and (seeds := ours.values.keys() & theirs.values.keys()):
            mine, other = (statistics.median(of.values[i] for i in seeds) for of in (ours, theirs))
            above.append(mine - other)
    return (len(above), statistics.mean(above)) if above else None


def names_in_order(results: Results, systems: bool = False) -> list[str]:
    """Sets, or systems, as they come."""
    return list(dict.fromkeys(cell.system if systems else cell.set for cell in results))


def sizes_in_order(results: Results) -> list[int | None]:
    """Small to large, all last."""
    numbers = {cell.size for cell in results}
    return sorted(numbers, key=lambda size: (size is None, size or 0))
