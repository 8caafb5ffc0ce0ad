"""Measurements of peers to JSON and a Markdown table."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gliner_client import Gliner
from llm import ForcedModel
from pipelines import Run, System

_COLUMNS = (
    ("system", "system", "{}"),
    ("batch", "batch", "{}"),
    ("texts_a_second", "texts per second", "{:.1f}"),
    ("ratio", "ratio", "{:.3f}"),
    ("milliseconds", "ms per text", "{:.2f}"),
    ("milliseconds_p90", "p90", "{:.2f}"),
    ("mentions", "mentions", "{}"),
    ("f", "F1", "{:.3f}"),
    ("parameters", "parameters", "{:,}"),
    ("compared", "like for like?", "{}"),
)


def sum_up(
    system: System, size: int, runs: Sequence[Run], reference: Sequence[Run]
) -> dict[str, Any]:
    """Medians over the rounds; milliseconds: a batch's time spread over its texts."""
    pairs = list(zip(runs, reference, strict=True))
    spread = [1000 * s / n for run in runs for s, n in zip(run.seconds, run.sizes, strict=True)]
    return {
        "system": system.name,
        "batch": size,
        "texts_a_second": statistics.median(run.texts_a_second for run in runs),
        "texts_a_second_rounds": [run.texts_a_second for run in runs],
        "ratio": statistics.median(run.texts_a_second / ref.texts_a_second for run, ref in pairs),
        "milliseconds": statistics.median(spread),
        "milliseconds_p90": statistics.quantiles(spread, n=10)[-1] if spread[1:] else spread[0],
        "mentions": runs[-1].mentions,
        "f": runs[-1].f,
        "parameters": system.parameters,
        "compared": system.compared,
    }


def make_table(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(heading for _, heading, _ in _COLUMNS) + " |"]
    lines.append("|---" * len(_COLUMNS) + "|")
    for row in rows:
        cells = ["" if row[key] is None else form.format(row[key]) for key, _, form in _COLUMNS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_report(
    output: Path, command: str, about: dict[str, Any], notes: Sequence[str], rows: Sequence[Any]
) -> None:
    """`output`.json and .md."""
    title = "Beside other systems"
    report = {"title": title, "command": command, "about": about, "notes": notes, "rows": rows}
    output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    output.with_suffix(".json").write_text(text + "\n", encoding="utf8")
    facts = ", ".join(f"{key} {value}" for key, value in about.items())
    lines = [f"# {title}", "", f"`{command}`", "", facts, "", make_table(rows), ""]
    lines += [f"- {note}" for note in notes]
    output.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf8")


def make_notes(model: ForcedModel, gliner: Gliner | None) -> list[str]:
    prompt, answer = map(statistics.mean, (model.prompt_tokens, model.answer_tokens))
    notes = [
        "Ratio: texts per second against those of the first system in the same round. Ms a text: a "
        "batch's time spread over its texts, median and 90th percentile over batches.",
        "padellm_ner and spaCy's ner find what they find, F1 is strict, on texts that each "
        "tokenizes itself. spaCy's ner runs on one thread.",
        f"spacy-llm's prompt (default template of NER.v3, one example) has {prompt:.0f} tokens a "
        f"text on average, its answer {answer:.0f}. A batch is generated at once, padded, which "
        "spacy-llm's own Hugging Face models do not do: they take prompt by prompt.",
    ]
    if gliner is None:
        return [*notes, "GLiNER was left out: no --gliner-python was given."]
    versions = ", ".join(f"{key} {value}" for key, value in gliner.about.items())
    return [*notes, f"GLiNER in an environment of its own: {versions}."]
