"""torch and onnxruntime side by side: texts per second through `nlp.pipe`, F1, the first entity.

    python benchmarks/runtimes.py --corpus corpus/english/uner_ewt.spacy [--model english]

torch computes in float32 and in bfloat16; the model is exported in float32 and in 8 bits. All run
in turn in one process, round after round, after a warm-up, with the threads of `OMP_NUM_THREADS`;
the first entity is timed from the start of a process, of each runtime in turn.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from tqdm import tqdm

from spacy_padellm.tools.export.exporting import export

BATCHES = (1, 32)
FIRST = """
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("padellm_ner", config={{"model": {model!r}}})
print(len(nlp("Ada Lovelace met Charles Babbage in London.").ents))
"""


def make(model: dict[str, str]) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": model})
    return nlp


def first_entity(model: dict[str, str]) -> float:
    """Seconds from the start of a process until it ends, the first text annotated."""
    began = time.perf_counter()
    code = FIRST.format(model=model)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - began


def entities(docs: list[Doc]) -> set[tuple[int, int, int, str]]:
    return {(i, e.start_char, e.end_char, e.label_) for i, doc in enumerate(docs) for e in doc.ents}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--model", default="english")
    parser.add_argument("--texts", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/runtimes"))
    asked = parser.parse_args()
    golds = list(DocBin().from_disk(asked.corpus).get_docs(spacy.blank("xx").vocab))
    golds = [doc for doc in golds if doc.text.strip()][: asked.texts]
    with tempfile.TemporaryDirectory() as temporary:
        on_torch = {"name": asked.model, "runtime": "torch"}
        models = {"torch": on_torch, "torch bfloat16": {**on_torch, "dtype": "bfloat16"}}
        for precision in ("fp32", "int8"):
            folder = Path(temporary) / precision
            export(asked.model, folder, precision, [doc.text for doc in golds])
            models[f"onnx {precision}"] = {"name": str(folder), "runtime": "onnx"}
        rows = measure(models, golds, asked.rounds)
        for row in rows.values():
            row["first"] = []
        for _ in range(asked.rounds):
            for name, model in models.items():
                rows[name]["first"].append(first_entity(model))
    report(asked, rows)


def measure(models: dict[str, dict], golds: list[Doc], rounds: int) -> dict[str, dict]:
    pipelines = {name: make(model) for name, model in models.items()}
    rows: dict[str, dict] = {name: {"speed": {b: [] for b in BATCHES}} for name in models}
    expected: set = set()
    for name, nlp in pipelines.items():  # warm-up, and what they find
        docs = list(nlp.pipe([doc.text for doc in golds], batch_size=32))
        predicted = [Example(nlp.make_doc(gold.text), gold) for gold in golds]
        for example, doc in zip(predicted, docs, strict=True):
            example.predicted = doc
        scorer = nlp.get_pipe("padellm_ner").score
        rows[name]["f"] = scorer(predicted)["ents_f"]
        expected = expected or entities(docs)
        rows[name]["differing"] = len(entities(docs) ^ expected)
    for _ in tqdm(range(rounds)):
        for size in BATCHES:
            for name, nlp in pipelines.items():
                began = time.perf_counter()
                list(nlp.pipe([doc.text for doc in golds], batch_size=size))
                rows[name]["speed"][size].append(len(golds) / (time.perf_counter() - began))
    return rows


def report(asked: argparse.Namespace, rows: dict[str, dict]) -> None:
    lines = [
        f"python benchmarks/runtimes.py --corpus {asked.corpus.name} --model {asked.model} "
        f"({asked.texts} texts, {os.environ.get('OMP_NUM_THREADS', 'all')} threads)\n",
        "| runtime | texts/s, batch 1 | against torch | texts/s, batch 32 | against torch "
        "| F1 | entities that differ | first entity, s |",
        "|---" * 8 + "|",
    ]
    base = rows["torch"]["speed"]
    for name, row in rows.items():
        cells = [name]
        for size in BATCHES:
            pairs = zip(row["speed"][size], base[size], strict=True)
            cells.append(f"{statistics.median(row['speed'][size]):.1f}")
            cells.append(f"{statistics.median(a / b for a, b in pairs):.2f}")
        first = statistics.median(row["first"])
        cells += [f"{100 * row['f']:.2f}", str(row["differing"]), f"{first:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.with_suffix(".md").write_text("\n".join(lines) + "\n")
    asked.output.with_suffix(".json").write_text(json.dumps(rows, indent=1))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
