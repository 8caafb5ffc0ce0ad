"""Learning curves: F1 by training texts, a small panel a set, a line a system."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from spacy_padellm.atomic import whole_file

from .results import Results
from .summary import f1, names_in_order, sets_seen, summarise

COLUMNS = 4
COLOURS = ("#5b6770", "#d1495b", "#00798c", "#edae49", "#66a182", "#8d6a9f", "#2e4057")
SEEN = "dashed, hollow: the base has learned from all training texts of the set before"


def plot_curves(results: Results, path: Path) -> None:
    """Writes a .png."""
    with whole_file(path) as fresh:
        draw_curves(results).savefig(fresh, dpi=120, format="png")


def draw_curves(results: Results) -> Figure:
    """Medians over seeds; bars go from the least to the most. Lines of systems whose base has
    learned from the set's training texts before are dashed and hollow, which a note says."""
    seen = sets_seen(results)
    sets = names_in_order(results)
    systems = names_in_order(results, systems=True)
    columns = min(COLUMNS, len(sets))
    rows = math.ceil(len(sets) / columns)
    figure = Figure(figsize=(3 * columns, 2.6 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    lines: dict = {}
    for name, axes in zip(sets, panels, strict=False):
        lines = _plot_set(axes, results, name, systems, seen) | lines
    for axes in panels[len(sets) :]:
        axes.remove()
    if lines:
        figure.legend(
            lines.values(),
            lines,
            loc="outside lower center",
            ncols=len(lines),
            frameon=False,
            title=SEEN if seen else None,
            title_fontsize=8,
        )
    figure.supylabel("F1 (test)", fontsize=9)
    return figure


def _plot_set(
    axes: Axes, results: Results, name: str, systems: list[str], seen: dict[str, set[str]]
) -> dict:
    """The lines by system. seen: as `sets_seen`."""
    found = summarise(results, f1)
    texts = {cell.size: r["texts"]["train"] for cell, r in results.items() if cell.set == name}
    lines = {}
    for i, system in enumerate(systems):
        of_system = {n: found.get((name, size, system)) for size, n in texts.items()}
        points = [(n, of) for n, of in sorted(of_system.items()) if of]
        if points:
            before = name in seen.get(system, ())
            medians = [of.median for _, of in points]
            ends = [
                [of.median - of.least for _, of in points],
                [of.most - of.median for _, of in points],
            ]
            lines[system] = axes.errorbar(
                [n for n, _ in points],
                medians,
                yerr=ends,
                color=COLOURS[i % len(COLOURS)],
                marker="o",
                markersize=3,
                linewidth=1.4,
                **({"linestyle": "--", "markerfacecolor": "white"} if before else {}),
                elinewidth=1,
            )
    axes.set_title(name, fontsize=9)
    axes.set_xscale("log")
    ticks = sorted(set(texts.values()))
    # Of two that are too close for their numbers, the larger has one.
    said = [n for n, more in zip(ticks, [*ticks[1:], math.inf], strict=True) if more > 1.6 * n]
    axes.set_xticks(said, [f"{n:,}" for n in said])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(labelsize=7)
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.25)
    return lines
