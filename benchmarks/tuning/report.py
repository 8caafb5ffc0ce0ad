"""A page of results: tables in Markdown, with curves beside them."""

import importlib.util
from pathlib import Path

from grid.machine import say_machines
from grid.tables import row

from spacy_padellm.atomic import write_whole

from .cells import say_size
from .results import Results
from .summary import (
    Figure,
    Summary,
    cpu_minutes,
    f1,
    mean_over_sets,
    names_in_order,
    sizes_in_order,
    summarise,
    texts_a_second,
)

ABOUT = """\
Texts for training are drawn from the training split, half as many (50 to 500) from the development
split, at most 1,000 from the test split, by fixed seeds. F1 is that of strict spans (characters and
label), micro, in percent. Figures are medians over seeds, with the least and the most where there
are several, or – where a budget gave no model. Minutes and texts per second are of the processor's
time, one thread. Means are over the sets that all systems of the row have figures for."""


def write_report(output: Path, path: Path, results: Results) -> str:
    """Writes `path`, and the curves beside it as .png where matplotlib is installed.

    output: the results file, for the page to name. Returns the page.
    """
    tables = [
        _table(results, "F1", f1, "{:.1f}"),
        _table(results, "Minutes of training", cpu_minutes, "{:.1f}"),
        _table(results, "Texts per second, batch 32", texts_a_second, "{:.0f}"),
        _by_label(results),
    ]
    lines = ["# Tuned on annotations of one's own", "", f"Of `{output.name}`.", "", ABOUT, ""]
    if importlib.util.find_spec("matplotlib"):
        from .curves import plot_curves

        plot_curves(results, path.with_suffix(".png"))
        lines += [f"![F1 by training texts]({path.with_suffix('.png').name})", ""]
    page = "\n".join([*lines, *tables, _machines(results), ""])
    write_whole(path, page)
    return page


def _table(results: Results, title: str, figure: Figure, form: str) -> str:
    """A row a set and size, a column a system, then the means."""
    found = summarise(results, figure)
    systems = names_in_order(results, systems=True)
    lines = [f"## {title}", "", row("set", "texts", *systems), "|---" * (2 + len(systems)) + "|"]
    tried = {(cell.set, cell.size, cell.system) for cell in results}
    for name in names_in_order(results):
        for size in sizes_in_order(results):
            keys = [(name, size, system) for system in systems]
            if tried.intersection(keys):
                cells = [_say(found.get(key), form, "–" if key in tried else "") for key in keys]
                lines.append(row(name, _texts(results, name, size), *cells))
    for size in sizes_in_order(results):
        sets, means = mean_over_sets(found, size, systems)
        cells = [form.format(means[system]) if system in means else "" for system in systems]
        if sets:
            lines.append(row(f"mean of {len(sets)} sets", say_size(size), *cells))
    return "\n".join(lines) + "\n"


def _by_label(results: Results) -> str:
    """F1 of each label on the largest size of each set, the median over seeds."""
    systems = names_in_order(results, systems=True)
    lines = ["## F1 by label, most texts", ""]
    lines += [row("set", "label", "test spans", *systems), "|---" * (3 + len(systems)) + "|"]
    for name in names_in_order(results):
        of_set = {cell: r for cell, r in results.items() if cell.set == name and r["test"]}
        sizes = sizes_in_order(of_set)
        largest = {cell: record for cell, record in of_set.items() if cell.size == sizes[-1]}
        numbers = {
            label: of["n"]
            for record in largest.values()
            for label, of in record["test"]["by_label"].items()
            if of["n"]
        }
        for label, n in sorted(numbers.items(), key=lambda item: (-item[1], item[0])):
            found = summarise(largest, lambda record, label=label: _f1_of(record, label))
            cells = [_say(found.get((name, sizes[-1], system)), "{:.1f}") for system in systems]
            lines.append(row(name, label, str(n), *cells))
    return "\n".join(lines) + "\n"


def _f1_of(record: dict, label: str) -> float:
    return 100 * record["test"]["by_label"].get(label, {"f": 0.0})["f"]


def _say(summary: Summary | None, form: str, missing: str = "") -> str:
    if summary is None:
        return missing
    median = form.format(summary.median)
    if summary.n == 1:
        return median
    return f"{median} ({form.format(summary.least)}–{form.format(summary.most)})"


def _texts(results: Results, name: str, size: int | None) -> str:
    """The size; of "all", how many texts that is."""
    n = next(r["texts"]["train"] for c, r in results.items() if (c.set, c.size) == (name, size))
    return str(size) if size is not None else f"all ({n:,})"


def _machines(results: Results) -> str:
    machines = say_machines(results.values())
    made = dict.fromkeys(f"- {c.system}: {r['made_of']}" for c, r in results.items())
    return "\n".join(["## Measured with", "", *(f"- {machine}" for machine in machines), *made])
