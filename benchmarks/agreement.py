"""Do runtimes find the same entities? F1 of each, and the entities that differ, set by set.

    python benchmarks/agreement.py --corpora corpus/english/*.spacy \\
        --fit corpus/english/uner_ewt.jsonl [--model english] [--output FILE]

torch in float32 comes first; it, in bfloat16, and the exported model, in float32 and in 8 bits,
annotate the same texts through `nlp.pipe`. 8 bits are fitted to texts that are not scored. An
entity differs where only one of a runtime and torch finds it; of exports in float32 each is listed,
with its probability.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grid.command import read_number
from grid.machine import describe
from grid.options import say_options
from grid.pages import write_page
from grid.tables import table
from runtimes import export_models, find, make, texts_to_fit
from spacy.language import Language
from tqdm import tqdm

from spacy_padellm.formats.gold_text import GoldText, Item
from spacy_padellm.spans.scoring import span_scores
from spacy_padellm.tools.benchmark.corpus import read_corpus

OUTPUT = Path("benchmarks/results/agreement")
LISTED = "onnx fp32"
BATCH_SIZE = 32


def compare(
    pipelines: dict[str, Language], golds: Sequence[GoldText]
) -> tuple[dict[str, dict[str, float]], list[dict[str, Any]]]:
    """By name of the pipeline: "f", strict, and "differing", the entities that only it or only the
    first has. Then those of `LISTED`, each with its text, and "by", the pipeline that has it."""
    wanted = [gold.items() for gold in golds]
    texts = [gold.text for gold in golds]
    rows: dict[str, dict[str, float]] = {}
    listed: list[dict[str, Any]] = []
    expected: list[dict[Item, float]] = []
    for name, nlp in pipelines.items():
        found = find(nlp, texts, BATCH_SIZE)
        expected = expected or found
        judged = [gold.judged(set(items)) for gold, items in zip(golds, found, strict=True)]
        differing = 0
        for text, ours, theirs in zip(texts, found, expected, strict=True):
            sides = {name: (ours, theirs), "torch": (theirs, ours)}
            for by, (has, lacks) in sides.items():
                only = sorted(has.keys() - lacks.keys())
                differing += len(only)
                if name == LISTED:
                    listed += [_show(by, text, item, has[item]) for item in only]
        rows[name] = {"f": span_scores(wanted, judged)["f"], "differing": differing}
        rows[name]["found"] = sum(map(len, found))
    return rows, listed


def _show(by: str, text: str, item: Item, probability: float) -> dict[str, Any]:
    label, start, end = item
    entity = {"entity": text[start:end], "label": label, "probability": round(probability, 4)}
    return {"by": by, **entity, "text": text}


def show(sets: dict[str, dict[str, Any]]) -> str:
    """A row for each corpus."""
    first, *others = next(iter(sets.values()))["runtimes"]
    heads = ["corpus", "texts", "entities", f"F1: {first}"]
    for name in others:
        heads += [f"F1: {name}", "entities that differ"]
    lines = []
    for title, one in sets.items():
        rows = one["runtimes"]
        cells = [
            title,
            str(one["texts"]),
            str(rows[first]["found"]),
            f"{100 * rows[first]['f']:.2f}",
        ]
        for name in others:
            cells += [f"{100 * rows[name]['f']:.2f}", str(rows[name]["differing"])]
        lines.append(cells)
    return table(heads, lines)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument(
        "--fit",
        type=Path,
        metavar="FILE",
        help="corpus that 8 bits are fitted to; default: the sample of `padellm export`",
    )
    parser.add_argument("--model", default="english")
    parser.add_argument("--texts", type=read_number, help="of each corpus; default: all")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    try:
        corpora = {path.stem: read_corpus(path, arguments.texts or 0) for path in arguments.corpora}
        if len(corpora) < len(arguments.corpora):
            raise ValueError("two corpora have one name: their files must be called differently")
        to_fit = texts_to_fit(arguments.fit, [one for golds in corpora.values() for one in golds])
    except (ValueError, OSError) as error:
        parser.error(str(error))
    sets: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        models = export_models(arguments.model, Path(temporary), to_fit)
        pipelines = {name: make(model) for name, model in models.items()}
        for title, golds in tqdm(corpora.items()):
            rows, listed = compare(pipelines, golds)
            sets[title] = {"texts": len(golds), "runtimes": rows, "differences": listed}
    report = {
        "command": f"python benchmarks/agreement.py {say_options(arguments)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "texts_to_fit": len(to_fit),
        "corpora": sets,
    }
    about = f"8 bits fitted to {len(to_fit)} other texts"
    write_page(arguments.output, report, about, show(sets))


if __name__ == "__main__":
    main()
