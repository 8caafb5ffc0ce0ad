"""Results of several seeds side by side: what tables and plot show."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grid.timing import ran_beside

from .cells import FORMATS, LATENCY, OURS
from .results import Results

Group = tuple[str, ...]
Record = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """What is set side by side. records: by name, one of each seed that all names have; none of a
    name that no seed has. seeds: how many that are. asked: how many any name has."""

    records: Mapping[str, Sequence[Record]]
    seeds: int
    asked: int

    def median(self, name: str, figure: Callable[[Record], float | None]) -> float | None:
        """None where no record has the figure."""
        values = [value for value in map(figure, self.records.get(name, ())) if value is not None]
        return statistics.median(values) if values else None

    @property
    def of(self) -> str:
        """The seeds, in words."""
        return str(self.seeds) if self.seeds == self.asked else f"{self.seeds} of {self.asked}"


def groups(results: Results) -> list[Group]:
    """Base, set, template and prompt, as they come."""
    return list(dict.fromkeys(cell.group for cell in results))


def formats_of(results: Results, group: Group) -> Compared:
    """The results of a group by format."""
    return _compare({name: _by_seed(results, group, name) for name in FORMATS})


def f1(
    compared: Compared, format_name: str, method: str, score: str, figure: str = "f"
) -> float | None:
    """Percent. figure: "p" and "r" are precision and recall."""
    return compared.median(format_name, lambda of: 100 * of["scores"][method][score][figure])


def batches_of(results: Results, group: Group) -> list[int]:
    records = _by_seed(results, group, LATENCY).values()
    return sorted({row["batch"] for record in records for row in record["methods"]})


def methods_of(results: Results, group: Group, size: int) -> Compared:
    """Latency of a group at a batch size by method: what was measured, with "texts", "rounds", and
    "times", how many times as fast our decoder was in the same rounds; None where it was not among
    them."""
    found: dict[str, dict[int, Record]] = {}
    for seed, record in _by_seed(results, group, LATENCY).items():
        rows = {row["method"]: row for row in record["methods"] if row["batch"] == size}
        more = {"texts": record["timed_texts"], "rounds": record["settings"]["rounds"]}
        ours = rows.get(OURS)
        for method, row in rows.items():
            # Ratios are to one method that both ran beside, whichever that was.
            times = ours["ratio"] / row["ratio"] if ours else None
            found.setdefault(method, {})[seed] = {**row, **more, "times": times}
    return _compare(found)


def timed_beside(row: Record) -> bool:
    """Whether other work ran beside a method that was timed."""
    return ran_beside(1000 / row["texts_a_second"], row["cpu_milliseconds"])


def _by_seed(results: Results, group: Group, name: str) -> dict[int, Record]:
    return {
        cell.seed: record
        for cell, record in results.items()
        if cell.group == group and cell.format == name
    }


def _compare(found: Mapping[str, Mapping[int, Record]]) -> Compared:
    there = {name: of for name, of in found.items() if of}
    asked = {seed for of in there.values() for seed in of}
    common = [seed for seed in sorted(asked) if all(seed in of for of in there.values())]
    records = {name: [of[seed] for seed in common] for name, of in there.items()}
    return Compared(records, len(common), len(asked))
