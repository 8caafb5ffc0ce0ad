"""A page of results: tables in Markdown, with curves beside them."""

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grid.folders import LOG, cell_folder
from grid.machine import say_machines
from grid.tables import table

from spacy_padellm.atomic import write_whole

from .cells import Cell, say_size
from .results import Results
from .summary import (
    Figure,
    Key,
    Means,
    Summary,
    compare_means,
    cpu_minutes,
    f1,
    names_in_order,
    processors,
    ran_beside,
    seeds_asked,
    sets_seen,
    sizes_in_order,
    summarise,
    texts_a_second,
    without_result,
)
from .systems import RIVAL

# Behind figures, with a note below the table. A star alone would begin italics.
SEEN, STOPPED, BESIDE, SEVERAL = "\\*", "‡", "†", "§"
Marks = Mapping[str, Collection[Key]]  # what has which mark
ABOUT = f"""\
Texts for training are drawn from the training split, half as many (50 to 500) from the development
split, at most 1,000 from the test split, by fixed seeds. F1 is that of strict spans (characters and
label), micro, in percent. Figures are medians over seeds, with the least and the most where there
are several; "2 of 3" says that only so many of the row's seeds have one, and – that none has. What
has none is listed below the tables. Minutes and texts per second are of the processor's time, one
thread. Means, and how far a system is above {RIVAL}, are over the sets and seeds that a system and
{RIVAL} both have: there is a row of means for each choice of sets."""
SAY_SEEN = f"""\
{SEEN} The base has learned from all training texts of this set before, not from its test texts: it
starts with more than the texts of the row. Means are given with and without such sets."""
SAY_SEVERAL = f"{SEVERAL} Figures of this row are of several processors: compare them with care."
SAY_STOPPED = f"{STOPPED} A budget has stopped a training: the best model so far was scored."


def write_report(output: Path, path: Path, results: Results) -> str:
    """Writes `path`, and the curves beside it as .png where matplotlib is installed.

    output: the results file, for the page to name. Returns the page.
    """
    tables = _Tables(results)
    lines = ["# Tuned on annotations of one's own", "", f"Of `{output.name}`.", "", ABOUT, ""]
    if importlib.util.find_spec("matplotlib"):
        from .curves import plot_curves

        plot_curves(results, path.with_suffix(".png"))
        lines += [f"![F1 by training texts]({path.with_suffix('.png').name})", ""]
    parts = [
        tables.f1(),
        tables.minutes(),
        tables.speed(),
        tables.by_label(),
        _without(results, output),
        _machines(results),
    ]
    page = "\n".join([*lines, *filter(None, parts), ""])
    write_whole(path, page)
    return page


@dataclass(frozen=True)
class _Tables:
    results: Results

    @cached_property
    def systems(self) -> list[str]:
        return names_in_order(self.results, systems=True)

    @cached_property
    def rival(self) -> str:
        """What the others are set beside."""
        return RIVAL if RIVAL in self.systems else self.systems[0]

    @cached_property
    def seen(self) -> dict[str, set[str]]:
        """As `sets_seen`."""
        return sets_seen(self.results)

    @cached_property
    def stopped(self) -> set[Key]:
        """What has a model that a budget has stopped, with some seed."""
        return {
            _key(c) for c, record in self.results.items() if record["stopped"] and record["test"]
        }

    @cached_property
    def several(self) -> set[Key]:
        """What is in a row with figures of several processors."""
        mixed = {row for row, names in processors(self.results).items() if len(names) > 1}
        return {_key(cell) for cell in self.results if (cell.set, cell.size) in mixed}

    def f1(self) -> str:
        seen = {_key(c) for c in self.results if c.set in self.seen.get(c.system, ())}
        marks = {SEEN: seen, STOPPED: self.stopped}
        notes = [SAY_SEEN] * bool(seen) + [SAY_STOPPED] * bool(self.stopped)
        return self.of("F1", f1, "{:.1f}", marks, notes, compared=True)

    def minutes(self) -> str:
        beside = [cell for cell, record in self.results.items() if ran_beside(record)]
        few = {*map(_key, beside)} if 2 * len(beside) <= len(self.results) else set()
        mark = f"{BESIDE} " if few else ""
        of = f"{len(beside)} of {_count(len(self.results), 'training')}"
        note = f"{mark}{of} ran beside other work, and took much longer by the clock."
        notes = [note] * bool(beside) + [SAY_STOPPED] * bool(self.stopped)
        notes += [SAY_SEVERAL] * bool(self.several)
        marks = {BESIDE: few, STOPPED: self.stopped, SEVERAL: self.several}
        return self.of("Minutes of training", cpu_minutes, "{:.1f}", marks, notes)

    def speed(self) -> str:
        notes = [SAY_SEVERAL] * bool(self.several)
        marks = {SEVERAL: self.several}
        return self.of("Texts per second, batch 32", texts_a_second, "{:.0f}", marks, notes)

    def of(
        self,
        title: str,
        figure: Figure,
        form: str,
        marks: Marks | None = None,
        notes: Sequence[str] = (),
        compared: bool = False,
    ) -> str:
        """A row a set and size, a column a system, then the means. notes: below the table.
        compared: means are set beside the rival's, and are also given without sets that a base
        has seen."""
        found = summarise(self.results, figure)
        asked = seeds_asked(self.results)
        rows = []
        for name in names_in_order(self.results):
            for size in sizes_in_order(self.results):
                if seeds := asked.get((name, size)):
                    cells = [self._say(found, (name, size, s), form, marks) for s in self.systems]
                    rows.append([name, self._texts(name, size), str(len(seeds)), *cells])
        for size in sizes_in_order(self.results):
            rows += self._means(found, size, form, compared)
        heads = ["set", "texts", "seeds", *self.systems]
        return "\n".join([f"## {title}", "", table(heads, rows), *(f"{note}\n" for note in notes)])

    def _means(
        self, found: Mapping[Key, Summary], size: int | None, form: str, compared: bool
    ) -> list[list[str]]:
        """Rows of a size."""
        seen = set().union(*self.seen.values()) if compared else set()
        rows: list[list[str]] = []
        told: set[tuple[Means | None, ...]] = {(None,) * len(self.systems)}
        for without, kind in ((), ""), (seen, ", none seen before"):
            means = tuple(
                None
                if system == self.rival
                else compare_means(found, size, system, self.rival, without)
                for system in self.systems
            )
            if means in told:
                continue
            told.add(means)
            for sets, other in dict.fromkeys((of.sets, of.other) for of in means if of):
                of_row = [
                    of if of and (of.sets, of.other) == (sets, other) else None for of in means
                ]
                said = [form.format(of.mine) if of else "" for of in of_row]
                said[self.systems.index(self.rival)] = form.format(other)
                title = f"mean of {_count(len(sets), 'set')}{kind}"
                rows.append([title, say_size(size), "", *said])
            if compared and self.rival == RIVAL:
                above = [
                    f"{of.above:+.1f} ({_count(len(of.sets), 'set')})" if of else "" for of in means
                ]
                rows.append([f"above {RIVAL}{kind}", say_size(size), "", *above])
        return rows

    def _say(
        self, found: Mapping[Key, Summary], key: Key, form: str, marks: Marks | None = None
    ) -> str:
        summary = found.get(key)
        if summary is None:
            return "–" if key in map(_key, self.results) else ""
        marked = "".join(mark for mark, keys in (marks or {}).items() if key in keys)
        said = f"{form.format(summary.median)}{marked}"
        n = len(summary.values)
        more = [f"{form.format(summary.least)}–{form.format(summary.most)}"] if n > 1 else []
        more += [f"{n} of {summary.asked}"] if n < summary.asked else []
        return f"{said} ({'; '.join(more)})" if more else said

    def _texts(self, name: str, size: int | None) -> str:
        """The size; of "all", how many texts that is."""
        of = next(r["texts"] for c, r in self.results.items() if (c.set, c.size) == (name, size))
        return str(size) if size is not None else f"all ({of['train']:,})"

    def by_label(self) -> str:
        """F1 of each label on the largest size of each set, the median over seeds."""
        rows = []
        for name in names_in_order(self.results):
            of_set = {cell: r for cell, r in self.results.items() if cell.set == name}
            scored = {cell: record for cell, record in of_set.items() if record["test"]}
            if not scored:
                continue
            size = sizes_in_order(scored)[-1]
            largest = {cell: record for cell, record in of_set.items() if cell.size == size}
            numbers = {
                label: of["n"]
                for cell, record in scored.items()
                if cell.size == size
                for label, of in record["test"]["by_label"].items()
                if of["n"]
            }
            for label, n in sorted(numbers.items(), key=lambda item: (-item[1], item[0])):
                found = summarise(largest, lambda record, label=label: _f1_of(record, label))
                keys = [(name, size, system) for system in self.systems]
                rows.append([name, label, str(n), *(self._say(found, k, "{:.1f}") for k in keys)])
        heads = ["set", "label", "test spans", *self.systems]
        return f"## F1 by label, most texts\n\n{table(heads, rows)}"


def _f1_of(record: dict, label: str) -> float | None:
    if not record["test"]:
        return None
    return 100 * record["test"]["by_label"].get(label, {"f": 0.0})["f"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _key(cell: Cell) -> Key:
    return cell.set, cell.size, cell.system


def _without(results: Results, output: Path) -> str:
    """What has no model, and why as far as is known; "" where all have one."""
    lines = []
    for cell, record in results.items():
        if not record["test"]:
            lines.append(f"- {cell}: no model in {record['budget']:g} minutes")
    for cell in without_result(results):
        begun = (cell_folder(output, cell) / LOG).exists()
        lines.append(f"- {cell}: {'failed, or still running' if begun else 'not run yet'}")
    return "\n".join(["## Without a figure", "", *lines, ""]) if lines else ""


def _machines(results: Results) -> str:
    machines = say_machines(results.values())
    made = dict.fromkeys(f"- {c.system}: {r['made_of']}" for c, r in results.items())
    return "\n".join(["## Measured with", "", *(f"- {machine}" for machine in machines), *made])
