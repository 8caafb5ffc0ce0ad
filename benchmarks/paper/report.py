"""A page of results beside what the paper has printed: tables in Markdown, with a plot."""

import importlib.util
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grid.machine import say_machines
from grid.tables import table

from spacy_padellm.atomic import write_whole

from . import published
from .cells import FORMATS, LATENCY, OURS
from .results import Results

NAMES = dict(
    zip(FORMATS, (published.PADELLM, published.STRUCTURED, published.AUGMENTED), strict=True)
)
METHODS = {
    OURS: "PaDeLLM, our decoder",
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
belongs to them. "Ours is × as fast" compares texts per second in the same rounds, where our decoder
was among them. "Answers cut" had no end within the tokens that they were allowed: twice those of
the longest text of their batch of 32, and 32 more."""
Row = dict[str, Any]  # of a method, at a batch size


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


def median(
    records: Sequence[dict[str, Any]], figure: Callable[[dict], float | None]
) -> float | None:
    """Of those that have the figure; None where none has."""
    values = [value for record in records if (value := figure(record)) is not None]
    return statistics.median(values) if values else None


def f1(records: Sequence[dict[str, Any]], score: str) -> float | None:
    """Percent."""
    return median(records, lambda of: 100 * of["scores"][score]["f"])


def rows_of(records: Sequence[dict[str, Any]], method: str, size: int) -> list[Row]:
    """What latency records have of a method at a batch size, each with "times", how many times as
    fast our decoder was in the same rounds; None where it was not among them."""
    found = []
    for record in records:
        at_size = {row["method"]: row for row in record["methods"] if row["batch"] == size}
        if method in at_size:
            row, ours = at_size[method], at_size.get(OURS)
            # Ratios are to one method that both ran beside, whichever that was.
            times = ours["ratio"] / row["ratio"] if ours else None
            found.append({**row, "times": times})
    return found


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
    heads = (*WHERE, "method", "batch", "ms per text", "p90", "passes per batch", "tokens per text")
    rows = []
    for group in groups(results):
        records = of_group(results, group, LATENCY)
        for method, size in _methods(records):
            of = rows_of(records, method, size)
            figures = [
                _say(median(of, lambda row, name=name: row[name]), form)
                for name, form in (
                    ("milliseconds", "{:.0f}"),
                    ("milliseconds_p90", "{:.0f}"),
                    ("passes_a_batch", "{:.1f}"),
                    ("tokens_a_text", "{:.0f}"),
                )
            ]
            times = _say(median(of, lambda row: row["times"]), "{:.1f}")
            score = _say(median(of, lambda row: row["f"] and 100 * row["f"]), "{:.1f}")
            rows.append((*group, METHODS.get(method, method), str(size), *figures, score, times))
    return table((*heads, "span F1 of these texts", "ours is × as fast"), rows)


def training_table(results: Results) -> str:
    heads = (*WHERE, "format", "seed", "texts", "steps", "minutes", "targets a text")
    more = (
        "tokens per text",
        "tokens per second",
        "weights trained",
        "peak MiB",
        "spans off tokens",
        "answers cut",
    )
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
        rows.append((*cell.group, NAMES[cell.format], str(cell.seed), *figures))
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
        ("ms per text", published.MILLISECONDS),
        ("tokens of a sequence", published.ANSWER_TOKENS),
    ):
        rows = [
            (name, *(_say(of.get(column), "{:,.2f}") for column in published.SETS))
            for name, of in figures.items()
        ]
        parts.append(table((title, *published.SETS), rows))
    return parts


def _methods(records: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    """With their batch sizes: size by size, in the order of `METHODS`."""
    found = {(row["method"], row["batch"]) for record in records for row in record["methods"]}
    order = {name: place for place, name in enumerate(METHODS)}
    return sorted(found, key=lambda of: (of[1], order.get(of[0], len(order)), of[0]))


def _machines(results: Results) -> list[str]:
    made = dict.fromkeys(
        f"{cell.set}: " + ", ".join(f"{key} {value}" for key, value in record["recipe"].items())
        for cell, record in results.items()
    )
    return [f"- {line}" for line in (*say_machines(results.values()), *made)]


def _say(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
