"""F1 of the formats, and how many times as fast our decoder is."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spacy_padellm.atomic import whole_file

from .cells import OURS, SCORED, TIMED
from .report import SAID
from .results import Results
from .summary import Group, batches_of, f1, formats_of, groups, methods_of

COLOURS = ("#d1495b", "#00798c", "#edae49", "#66a182", "#8d6a9f", "#5b6770", "#2e4057")


def plot_results(results: Results, path: Path) -> None:
    """Writes a .png."""
    with whole_file(path) as fresh:
        draw_results(results).savefig(fresh, dpi=120, format="png")


def draw_results(results: Results) -> Figure:
    """A group of bars a set."""
    places = groups(results)
    figure = Figure(figsize=(10, 1.2 + 0.9 * max(len(places), 2)), layout="constrained")
    left, right = figure.subplots(1, 2)
    scores = {
        SAID[method]: [f1(formats_of(results, place), name, method, "strings") for place in places]
        for name, methods in SCORED.items()
        for method in methods
    }
    _bars(left, places, scores, "F1 of string sets (%)", "{:.1f}")
    times = {
        f"{SAID[method]}, batch {size}": _times(results, places, method, size)
        for methods in TIMED.values()
        for method in methods
        for size in sorted({size for place in places for size in batches_of(results, place)})
        if method != OURS
    }
    _bars(right, places, times, "our decoder is × as fast", "{:.1f}×")
    right.set_yticks([])
    right.axvline(1, color="black", linewidth=0.8)
    return figure


def _times(results: Results, places: list[Group], method: str, size: int) -> list[float | None]:
    found = [methods_of(results, place, size) for place in places]
    return [of.median(method, lambda row: row["times"]) for of in found]


def _bars(
    axes: Axes, places: list[Group], bars: dict[str, list[float | None]], title: str, form: str
) -> None:
    bars = {name: of for name, of in bars.items() if any(value is not None for value in of)}
    height = 0.8 / max(len(bars), 1)
    for number, (name, values) in enumerate(bars.items()):
        at = [i + (number - (len(bars) - 1) / 2) * height for i in range(len(places))]
        drawn = axes.barh(
            at, [value or 0.0 for value in values], height, label=name, color=COLOURS[number]
        )
        said = ["" if value is None else form.format(value) for value in values]
        axes.bar_label(drawn, said, padding=2, fontsize=6)
    axes.set_yticks(range(len(places)), [_said(*place) for place in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(labelsize=7)
    axes.margins(x=0.12)
    axes.set_title(title, fontsize=9)
    if bars:
        axes.legend(
            fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False
        )


def _said(base: str, name: str, template: str, prompt: str) -> str:
    return f"{name}\n{base}, {template}{', guided' if prompt == 'guided' else ''}"
