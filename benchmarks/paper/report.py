"""A page of results beside what the paper has printed: tables in Markdown, with a plot."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from grid.machine import say_machines
from grid.tables import table
from grid.timing import BESIDE as TIMES_BESIDE
from grid.timing import ran_beside

from spacy_padellm.atomic import write_whole

from . import published
from .cells import FORMATS, FREE, LATENCY, LOOKUP, OURS, PAPER, SCORED, TIMED
from .results import Results
from .summary import (
    Record,
    batches_of,
    f1,
    formats_of,
    groups,
    methods_of,
    timed_beside,
)

NAMES = dict(
    zip(FORMATS, (published.PADELLM, published.STRUCTURED, published.AUGMENTED), strict=True)
)
SAID = {
    FREE: "PaDeLLM, free",
    OURS: "PaDeLLM, our decoder (copies)",
    PAPER: "PaDeLLM, the paper's algorithm (free)",
    "structured": published.STRUCTURED,
    "augmented": published.AUGMENTED,
    LOOKUP: f"{published.AUGMENTED}, drafts by prompt lookup",
}
SCORES = {"strings": "string sets", "spans": "spans", "flat": "spans that do not overlap"}
WHERE = ("base", "set", "template", "prompt")
TIMES = "ours is × as fast"
CUT = "answers cut"
LESS = "PaDeLLM, free, less the better AutoReg"
BESIDE = "†"  # behind figures, with a note below the table

ABOUT = """\
Of one row all models come from the same base by the same adapter, texts, steps and optimiser.
Figures are medians over the seeds that all formats of the row have, or all methods; "2 of 3" says
that only so many of the seeds are such. "Bare" prompts name labels, "guided" ones say what belongs
to them."""
ABOUT_F1 = f"""\
F1 in percent, micro, on the test texts. "{SAID[FREE]}" writes any strings, as both AutoReg formats
do: these are compared. "{SAID[OURS]}" is the same model, held to slices of the text, as this
package decodes. "{SCORES["strings"]}" is the paper's score: distinct label and string pairs a text,
as they were written; a string that PaDeLLM has written under several labels keeps the likeliest.
"{SCORES["spans"]}" are characters and label, strictly; of equal strings without a place, the i-th
has that of the i-th occurrence. "{SCORES["flat"]}" are what `doc.ents` would have, if they may
begin and end at any token of the model, not only at those of spaCy."""
ABOUT_LATENCY = f"""\
Our decoder copies; all others are free. All methods read the same test texts, the longest first, so
that batches of several are padded little. "{TIMES}" compares texts per second in the same rounds,
where our decoder was among them. "ms per text" is a batch's time spread over its texts, the median
over batches; "p90" is over batches, too, where a round has enough of them; "ms of the processor" is
the mean over texts."""
ABOUT_TRAINING = f"""\
"{CUT}" of AutoReg, those to test texts that had no end within the tokens that they were allowed.
Tokens per second are by the clock."""
SAY_BESIDE = f"""\
{BESIDE} Took more than {TIMES_BESIDE:g} times as long by the clock as of the processor: other work
ran beside it."""


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
        *("## F1", "", ABOUT_F1, "", f1_table(results)),
        *("Precision and recall of string sets:", "", precision_table(results)),
        *("## Latency", "", ABOUT_LATENCY, "", latency_table(results)),
        *("## Training", "", ABOUT_TRAINING, "", training_table(results)),
        *_published(),
        *("## Measured with", "", *_machines(results), ""),
    ]
    page = "\n".join([*lines, *parts])
    write_whole(path, page)
    return page


def f1_table(results: Results) -> str:
    methods = [(name, method) for name, of in SCORED.items() for method in of]
    said = [SAID[method] for _, method in methods]
    rows = []
    for group in groups(results):
        of = formats_of(results, group)
        if not of.asked:
            continue
        for score, name in SCORES.items():
            found = {method: f1(of, form, method, score) for form, method in methods}
            others = [found[m] for form, m in methods if form != "padellm" and found[m] is not None]
            ours = found[FREE]
            less = "" if ours is None or not others else f"{ours - max(others):+.1f}"
            texts = _all_said(of.records, lambda record: record["texts"]["test"])
            figures = (_say(found[method], "{:.1f}") for _, method in methods)
            rows.append((*group, name, texts, of.of, *figures, less))
    return table((*WHERE, "score", "texts", "seeds", *said, LESS), rows)


def precision_table(results: Results) -> str:
    methods = [(name, method) for name, of in SCORED.items() for method in of]
    heads = [f"{SAID[method]}: {name}" for _, method in methods for name in ("P", "R")]
    rows = []
    for group in groups(results):
        of = formats_of(results, group)
        figures = [
            _say(f1(of, form, method, "strings", figure), "{:.1f}")
            for form, method in methods
            for figure in ("p", "r")
        ]
        if of.asked:
            rows.append((*group, *figures))
    return table((*WHERE, *heads), rows)


def latency_table(results: Results) -> str:
    """With a note where other work ran beside."""
    heads = (*WHERE, "method", "batch", "texts", "rounds", "seeds", "ms per text", "p90")
    more = ("ms of the processor", "passes per batch", "tokens per text", TIMES)
    order = [method for of in TIMED.values() for method in of]
    rows, beside = [], False
    for group in groups(results):
        for size in batches_of(results, group):
            of = methods_of(results, group, size)
            for method in sorted(of.records, key=order.index):
                marked = any(map(timed_beside, of.records[method]))
                beside |= marked
                milliseconds = _say(of.median(method, lambda row: row["milliseconds"]), "{:.0f}")
                figures = (
                    _say(of.median(method, lambda row, key=key: row[key]), form)
                    for key, form in (
                        ("milliseconds_p90", "{:.0f}"),
                        ("cpu_milliseconds", "{:.0f}"),
                        ("passes_a_batch", "{:.1f}"),
                        ("tokens_a_text", "{:.0f}"),
                        ("times", "{:.1f}"),
                    )
                )
                own = {method: of.records[method]}
                counts = [
                    _all_said(own, lambda row, key=key: row[key]) for key in ("texts", "rounds")
                ]
                where = (*group, SAID[method], str(size), *counts, of.of)
                rows.append((*where, milliseconds + BESIDE * marked, *figures))
    return table((*heads, *more), rows) + f"\n{SAY_BESIDE}\n" * beside


def training_table(results: Results) -> str:
    """With a note where other work ran beside."""
    heads = (*WHERE, "format", "seed", "texts", "steps", "minutes", "minutes of the processor")
    more = (
        "targets a text",
        "tokens per text",
        "tokens per second",
        "weights trained",
        "peak MiB",
        "spans off tokens",
        CUT,
    )
    rows, beside = [], False
    for cell, record in results.items():
        if cell.format == LATENCY:
            continue
        of, texts = record["training"], record["texts"]["train"]
        epochs = record["recipe"]["epochs"] if record["recipe"]["steps"] is None else None
        minutes = of["minutes"]
        marked = ran_beside(minutes["wall"], minutes["cpu"])
        beside |= marked
        seconds = 60 * minutes["wall"]
        rate = epochs * texts * of["tokens_a_text"] / seconds if epochs and seconds else None
        figures = (
            *(f"{texts:,}", str(of["steps"])),
            *(f"{minutes['wall']:.1f}{BESIDE * marked}", f"{minutes['cpu']:.1f}"),
            *(f"{of['targets_a_text']:.1f}", f"{of['tokens_a_text']:.1f}", _say(rate, "{:.0f}")),
            *(f"{of['trained_weights']:,}", f"{of['peak_mib']:,}"),
            *(str(of["unaligned"]), _say(record["cut"], "{}")),
        )
        rows.append((*cell.group, NAMES[cell.format], str(cell.seed), *figures))
    return table((*heads, *more), rows) + f"\n{SAY_BESIDE}\n" * beside


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


def _machines(results: Results) -> list[str]:
    made = dict.fromkeys(
        f"{cell.set}: " + ", ".join(f"{key} {value}" for key, value in record["recipe"].items())
        for cell, record in results.items()
    )
    return [f"- {line}" for line in (*say_machines(results.values()), *made)]


def _say(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _all_said(records: Mapping[str, Sequence[Record]], figure: Callable[[Record], int]) -> str:
    """A number that records should share; all of them, where they do not."""
    found = sorted({figure(record) for of in records.values() for record in of})
    return ", ".join(f"{value:,}" for value in found)
