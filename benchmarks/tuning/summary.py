"""Results of several seeds as one figure: what tables and curves show."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .results import Results

Key = tuple[str, int | None, str]  # set, size, system
Figure = Callable[[dict[str, Any]], float | None]  # of a record


@dataclass(frozen=True)
class Summary:
    """The median over seeds, and between what the values lie."""

    median: float
    least: float
    most: float
    n: int


def f1(record: dict[str, Any]) -> float | None:
    """Percent, on the test texts; None where there was no model."""
    return 100 * record["test"]["f"] if record["test"] else None


def cpu_minutes(record: dict[str, Any]) -> float | None:
    return float(record["minutes"]["cpu"])


def texts_a_second(record: dict[str, Any]) -> float | None:
    return float(record["texts_a_second"]["cpu"]) if record["texts_a_second"] else None


def summarise(results: Results, figure: Figure) -> dict[Key, Summary]:
    values: dict[Key, list[float]] = {}
    for cell, record in results.items():
        if (value := figure(record)) is not None:
            values.setdefault((cell.set, cell.size, cell.system), []).append(value)
    return {
        key: Summary(statistics.median(of), min(of), max(of), len(of)) for key, of in values.items()
    }


def mean_over_sets(
    found: dict[Key, Summary], size: int | None, systems: Sequence[str]
) -> tuple[list[str], dict[str, float]]:
    """The sets that all of the systems have figures for at that size, and the means over them.

    A system that has none at that size is left out.
    """
    sets = {
        system: {name for name, n, of in found if n == size and of == system} for system in systems
    }
    sets = {system: names for system, names in sets.items() if names}
    common = sorted(set.intersection(*sets.values())) if sets else []
    means = {
        system: statistics.mean(found[name, size, system].median for name in common)
        for system in (sets if common else ())
    }
    return common, means


def names_in_order(results: Results, systems: bool = False) -> list[str]:
    """Sets, or systems, as they come."""
    return list(dict.fromkeys(cell.system if systems else cell.set for cell in results))


def sizes_in_order(results: Results) -> list[int | None]:
    """Small to large, all last."""
    numbers = {cell.size for cell in results}
    return sorted(numbers, key=lambda size: (size is None, size or 0))
