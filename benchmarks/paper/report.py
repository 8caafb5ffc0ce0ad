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
All models of a row come from the same base, with the same adapter, texts, steps and optimiser.
Figures are medians over the seeds that all formats (or methods) of the row have; "2 of 3" means
that one seed lacks some. "Bare" prompts only name the labels, "guided" ones also say what belongs
to them."""
ABOUT_F1 = f"""\
Micro F1 on the test texts, in percent. "{SAID[FREE]}" writes any strings, as both AutoReg formats
do: these three are compared. "{SAID[OURS]}" is the same model, restricted to slices of the text, as
this package decodes by default. "{SCORES["strings"]}" is the paper's score: the distinct pairs of
label and string in each text, as written; a string that PaDeLLM wrote under several labels keeps
the likeliest. "{SCORES["spans"]}": strict, by characters and label; an answer gives no places, so
the i-th of equal strings takes the i-th occurrence. "{SCORES["flat"]}": what `doc.ents` would hold
if entities could begin and end at any token of the model, not only at spaCy's tokens."""
ABOUT_LATENCY = f"""\
Our decoder copies; all other methods write freely. All methods read the same test texts, the
longest first, so that batches need little padding. "{TIMES}" compares texts per second in the same
rounds, if our decoder was among them. "ms per text" is the time of a batch divided by its texts,
the median over batches; "p90" is the 90th percentile over batches, if a round has enough of them;
"ms of the processor" is the mean over texts."""
ABOUT_TRAINING = f"""\
"{CUT}": answers of AutoReg to test texts that did not end within the tokens that they were allowed.
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
        f"From `{output.name}`.",
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
