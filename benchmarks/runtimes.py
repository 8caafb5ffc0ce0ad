"""torch and onnxruntime side by side: texts per second through `nlp.pipe`, F1, the first entity.

    python benchmarks/runtimes.py --corpus corpus/english/uner_ewt.spacy \\
        --fit corpus/english/uner_ewt.dev.jsonl [--model english]

torch computes in float32 and in bfloat16; the model is exported in float32 and in 8 bits, which are
fitted to other texts than those that are scored. All run in turn in one process, round after round,
after a warm-up, with the threads of `OMP_NUM_THREADS`; the first entity is timed from the start of
a process, of each runtime in turn.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from grid.command import read_number
from grid.machine import describe
from grid.options import say_options
from grid.pages import write_page
from grid.tables import table
from spacy.language import Language
from tqdm import tqdm

from spacy_padellm.formats.gold_text import GoldText, Item
from spacy_padellm.spans.scoring import span_scores
from spacy_padellm.tools.benchmark.corpus import read_corpus
from spacy_padellm.tools.export.exporting import export
from spacy_padellm.tools.export.texts import SAMPLE_TEXTS, read_texts

OUTPUT = Path("benchmarks/results/runtimes")
BATCHES = (1, 32)
MOST_FIT = 256  # texts, as `padellm export` takes
FIRST = """
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("padellm_ner", config={{"model": {model!r}}})
print(len(nlp("Ada Lovelace met Charles Babbage in London.").ents))
"""


def texts_to_fit(path: Path | None, golds: Sequence[GoldText]) -> list[str]:
    """None of them is scored. path: of the corpus; None for the sample that `padellm export` takes.

    Raises ValueError where all of them are scored, and as `read_texts`.
    """
    scored = {gold.text for gold in golds}
    given = SAMPLE_TEXTS if path is None else read_texts(path)
    others = [text for text in given if text not in scored]
    if not others:
        raise ValueError(
            "all texts that 8 bits would be fitted to are scored, too: give others with --fit, "
            "such as a dev split"
        )
    return others[:MOST_FIT]


def make(model: dict[str, str]) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": model})
    return nlp


def first_entity(model: dict[str, str]) -> float:
    """Seconds from the start of a process until it ends, the first text annotated."""
    began = time.perf_counter()
    code = FIRST.format(model=model)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def export_models(model: str, folder: Path, to_fit: Sequence[str]) -> dict[str, dict[str, str]]:
    """The model's settings by runtime, torch in float32 first; exports are written into the folder.

    to_fit: texts that 8 bits are fitted to.
    """
    on_torch = {"name": model, "runtime": "torch"}
    models = {"torch": on_torch, "torch bfloat16": {**on_torch, "dtype": "bfloat16"}}
    for precision in ("fp32", "int8"):
        exported = folder / precision
        export(model, exported, precision, to_fit)
        models[f"onnx {precision}"] = {"name": str(exported), "runtime": "onnx"}
    return models


def find(nlp: Language, texts: Sequence[str], batch_size: int) -> list[dict[Item, float]]:
    """The entities of each text, with their probabilities."""
    return [
        {(ent.label_, ent.start_char, ent.end_char): ent._.padellm_score for ent in doc.ents}
        for doc in nlp.pipe(texts, batch_size=batch_size)
    ]


def measure(
    models: dict[str, dict[str, str]], golds: Sequence[GoldText], rounds: int
) -> dict[str, dict[str, Any]]:
    """By name of the model: "speed", texts per second of each round by batch size; "f", strict;
    "differing", the entities that only it or only the first has; "first", seconds."""
    pipelines = {name: make(model) for name, model in models.items()}
    rows: dict[str, dict[str, Any]] = {
        name: {"speed": {size: [] for size in BATCHES}} for name in models
    }
    texts = [gold.text for gold in golds]
    wanted = [gold.items() for gold in golds]
    expected: list[dict[Item, float]] | None = None
    for name, nlp in pipelines.items():  # warm-up, and what they find
        found = find(nlp, texts, BATCHES[-1])
        judged = [gold.judged(set(items)) for gold, items in zip(golds, found, strict=True)]
        rows[name]["f"] = span_scores(wanted, judged)["f"]
        expected = found if expected is None else expected
        pairs = zip(found, expected, strict=True)
        rows[name]["differing"] = sum(len(ours.keys() ^ theirs.keys()) for ours, theirs in pairs)
    for _ in tqdm(range(rounds)):
        for size in BATCHES:
            for name, nlp in pipelines.items():
                began = time.perf_counter()
                find(nlp, texts, size)
                rows[name]["speed"][size].append(len(texts) / (time.perf_counter() - began))
    for row in rows.values():
        row["first"] = []
    for _ in range(rounds):
        for name, model in models.items():
            rows[name]["first"].append(first_entity(model))
    return rows


def show(rows: dict[str, dict[str, Any]]) -> str:
    """For docs/speed.md."""
    heads = ["runtime"]
    for size in BATCHES:
        heads += [f"texts/s, batch {size}", "against torch"]
    base = rows["torch"]["speed"]
    lines = []
    for name, row in rows.items():
        cells = [name]
        for size in BATCHES:
            pairs = zip(row["speed"][size], base[size], strict=True)
            cells.append(f"{statistics.median(row['speed'][size]):.1f}")
            cells.append(f"{statistics.median(a / b for a, b in pairs):.2f}")
        first = statistics.median(row["first"])
        lines.append([*cells, f"{100 * row['f']:.2f}", str(row["differing"]), f"{first:.2f}"])
    return table([*heads, "F1", "entities that differ", "first entity, s"], lines)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument(
        "--fit",
        type=Path,
        metavar="FILE",
        help=f"corpus that 8 bits are fitted to, {MOST_FIT} texts of it that are not scored; "
        f"default: the sample of `padellm export`",
    )
    parser.add_argument("--model", default="english")
    parser.add_argument("--texts", type=read_number, default=192)
    parser.add_argument("--rounds", type=read_number, default=5)
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    try:
        golds = read_corpus(arguments.corpus, arguments.texts)
        to_fit = texts_to_fit(arguments.fit, golds)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as temporary:
        models = export_models(arguments.model, Path(temporary), to_fit)
        rows = measure(models, golds, arguments.rounds)
    report = {
        "command": f"python benchmarks/runtimes.py {say_options(arguments)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "texts": len(golds),
        "texts_to_fit": len(to_fit),
        "runtimes": rows,
    }
    about = f"{len(golds)} texts, 8 bits fitted to {len(to_fit)} others"
    write_page(arguments.output, report, about, show(rows))


if __name__ == "__main__":
    main()
