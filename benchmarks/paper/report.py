"""A page of results beside what the paper has printed: tables in Markdown, with a plot."""

import importlib.util
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grid.tables import table

from spacy_padellm.atomic import write_whole

from . import published
from .cells import FORMATS, LATENCY
from .results import Results

NAMES = dict(
    zip(FORMATS, (published.PADELLM, published.STRUCTURED, published.AUGMENTED), strict=True)
)
METHODS = {
    "ahead": "PaDeLLM, our decoder",
    "paper": "PaDeLLM, the paper's algorithm",
    "structured": "AutoReg-structured",
    "augmented": "AutoReg-augmented",
    "augmented-lookup": "AutoReg-augmented, drafts by prompt lookup",
}
SCORES = {"strings": "string sets", "spans": "spans", "flat": "spans that do not overlap"}
WHERE = ("base", "set", "template", "prompt")
Group = tuple[str, ...]

ABOUT = """\
Of one row all models come from the same base by the same adapter, texts, steps and optimiser; what
they write is free. F1 in percent, micro, on the test texts. "String sets" is the paper's score:
distinct label and string pairs a text. "Spans" are characters and label, strictly; of equal strings
without a place, the i-th has that of the i-th occurrence. "Spans that do not overlap" is what
`doc.ents` would have. Of several seeds, medians. "Bare" prompts name labels, "guided" ones say what
belongs to them. "Answers cut" had no end within twice their text."""


def write_report(output: Path, path: Path, results: Results) -> str:
    """Writes `path`, and a plot beside it as .png where matplotlib is installed.

    output: the results file, for the page to name. Returns the page.
    """
    lines = [
        "# The paper's experiment with small models",
        "",
        f"Of `{output.name}`.",
        "",
        ABOUT,
        "",
    ]
    if importlib.util.find_spec("matplotlib"):
        from .plot import plot_results

        plot_results(results, path.with_suffix(".png"))
        lines += [f"![F1 and latency by format]({path.with_suffix('.png').name})", ""]
    parts = [
        *("## F1", "", f1_table(results)),
        *("## Latency", "", latency_table(results)),
        *("## Training", "", training_table(results)),
        *_published(),
        *("## Measured with", "", *_machines(results), ""),
    ]
    page = "\n".join([*lines, *parts])
    write_whole(path, page)
    return page


def groups(results: Results) -> list[Group]:
    """Base, set, template and prompt, as they come."""
    return list(dict.fromkeys(cell.group for cell in results))


def of_group(results: Results, group: Group, name: str) -> list[dict[str, Any]]:
    """The records of a format, one a seed."""
    return [of for cell, of in results.items() if cell.group == group and cell.format == name]


def median(records: Sequence[dict[str, Any]], figure: Callable[[dict], float]) -> float | None:
    return statistics.median(map(figure, records)) if records else None


def f1(records: Sequence[dict[str, Any]], score: str) -> float | None:
    """Percent."""
    return median(records, lambda of: 100 * of["scores"][score]["f"])


def f1_table(results: Results) -> str:
    heads = (*WHERE, "score", *NAMES.values(), "PaDeLLM less the better other")
    rows = []
    for group in groups(results):
        for score, said in SCORES.items():
            found = [f1(of_group(results, group, name), score) for name in FORMATS]
            if any(of is not None for of in found):
                ours, *others = found
                best = max((of for of in others if of is not None), default=None)
                less = "" if ours is None or best is None else f"{ours - best:+.1f}"
                rows.append((*group, said, *(_say(of, "{:.1f}") for of in found), less))
    return table(heads, rows)


def latency_table(results: Results) -> str:
    """The first method of a batch size is ours, whose texts a second the last column compares."""
    heads = (*WHERE, "method", "batch", "ms a text", "p90", "passes a batch", "tokens a text")
    rows = []
    for group in groups(results):
        records = of_group(results, group, LATENCY)
        for key, method in _methods(records):
            of = [row for record in records for row in record["methods"] if _key(row) == key]
            figures = [
                _say(median(of, lambda row, name=name: row[name]), form)
                for name, form in (
                    ("milliseconds", "{:.0f}"),
                    ("milliseconds_p90", "{:.0f}"),
                    ("passes_a_batch", "{:.1f}"),
                    ("tokens_a_text", "{:.0f}"),
                )
            ]
            times = _say(median(of, lambda row: 1 / row["ratio"]), "{:.1f}")
            score = _say(median(of, lambda row: 100 * (row["f"] or 0.0)), "{:.1f}")
            rows.append((*group, METHODS.get(method, method), str(key[1]), *figures, score, times))
    return table((*heads, "span F1 of these texts", "ours is × as fast"), rows)


def training_table(results: Results) -> str:
    heads = (*WHERE, "format", "texts", "steps", "minutes", "targets a text", "tokens a text")
    more = ("tokens a second", "weights trained", "peak MiB", "spans off tokens", "answers cut")
    rows = []
    for cell, record in results.items():
        if cell.format == LATENCY:
            continue
        of, texts = record["training"], record["texts"]["train"]
        epochs = record["recipe"]["epochs"] if record["recipe"]["steps"] is None else None
        seconds = 60 * of["minutes"]
        rate = epochs * texts * of["tokens_a_text"] / seconds if epochs and seconds else None
        figures = (
            *(f"{texts:,}", str(of["steps"]), f"{of['minutes']:.1f}"),
            *(f"{of['targets_a_text']:.1f}", f"{of['tokens_a_text']:.1f}", _say(rate, "{:.0f}")),
            *(f"{of['trained_weights']:,}", f"{of['peak_mib']:,}"),
            *(str(of["unaligned"]), str(record["cut"])),
        )
        rows.append((*cell.group, NAMES[cell.format], *figures))
    return table((*heads, *more), rows)


def _published() -> list[str]:
    """What the paper has printed of models of 7 billion weights and more."""
    heads = ("F1", *published.SETS, "mean, English", "mean, Chinese")
    rows = [
        (
            name,
            *(_say(of.get(column), "{:.2f}") for column in published.SETS),
            *(_say(mean, "{:.2f}") for mean in published.MEANS.get(name, (None, None))),
        )
        for name, of in published.F1.items()
    ]
    parts = ["## As published", "", published.ABOUT, "", table(heads, rows)]
    for title, figures in (
        ("ms a text", published.MILLISECONDS),
        ("tokens of a sequence", published.ANSWER_TOKENS),
    ):
        rows = [
            (name, *(_say(of.get(column), "{:,.2f}") for column in published.SETS))
            for name, of in figures.items()
        ]
        parts.append(table((title, *published.SETS), rows))
    return parts


def _methods(records: Sequence[dict[str, Any]]) -> list[tuple[tuple[str, int], str]]:
    keys = dict.fromkeys(_key(row) for record in records for row in record["methods"])
    return [(key, key[0]) for key in keys]


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["method"], row["batch"]


def _machines(results: Results) -> list[str]:
    said = dict.fromkeys(
        ", ".join(f"{key} {value}" for key, value in record["machine"].items())
        for record in results.values()
    )
    made = dict.fromkeys(
        f"{cell.set}: " + ", ".join(f"{key} {value}" for key, value in record["recipe"].items())
        for cell, record in results.items()
    )
    return [f"- {line}" for line in (*said, *made)]


def _say(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
