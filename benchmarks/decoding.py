"""Speed of decoding: the paper's algorithm, the tree, the tree with the copy constraint.

    python benchmarks/decoding.py TEXTS.jsonl[.gz] [--model english] [--batch-sizes 1 32]

TEXTS holds {"text": ...} lines. All methods run the same model on the same texts in one
process, round after round in turn, after a warm-up; a figure is the median of its rounds.
"paper" encodes every prompt of both steps whole and generates freely; "tree" does the same over
the prompt tree. "paper + copy" and "tree + copy" hold mentions to slices of the text. "ahead",
the default, also reads drafts of mentions, and mentions of likely counts, along with what is
known. All with "copy" give the same mentions, as the two without do among themselves; ratios are
to the paper's algorithm with the same mentions.
"""

import argparse
import gzip
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from spacy_padellm.decoding import Decoder, DecodingWork
from spacy_padellm.loading import LoadedModel, ModelSource, load_model

NOT_AHEAD: dict[str, Any] = {"draft_tokens": 0, "guess_counts": ()}
METHODS: dict[str, dict[str, Any]] = {
    "paper": {"method": "paper", "copy": False},
    "tree": {"method": "tree", "copy": False, **NOT_AHEAD},
    "paper + copy": {"method": "paper", "copy": True},
    "tree + copy": {"method": "tree", "copy": True, **NOT_AHEAD},
    "tree + copy, ahead": {"method": "tree", "copy": True},
}
NO_BUDGET = 10**9  # the batch size alone decides


def read_texts(path: Path, limit: int) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf8") as file:
        texts = [json.loads(line)["text"] for line in file]
    return [text for text in texts if text.strip()][:limit]


def run(decoder: Decoder, texts: list[str], labels: tuple[str, ...], size: int) -> dict[str, float]:
    decoder.work = DecodingWork()
    began = time.perf_counter()
    for start in range(0, len(texts), size):
        decoder.predict(texts[start : start + size], labels)
    seconds = time.perf_counter() - began
    work = decoder.work
    return {
        "texts_a_second": len(texts) / seconds,
        "passes_a_batch": work.passes / work.batches,
        "tokens_a_text": work.tokens / work.texts,
    }


def measure(
    loaded: LoadedModel, texts: list[str], batch_sizes: list[int], rounds: int
) -> list[dict[str, Any]]:
    """Rows of the table: method, batch size, medians, and the ratio to the paper's algorithm."""
    decoders = {
        name: Decoder(loaded.lm, loaded.encoder(), token_budget=NO_BUDGET, **settings)
        for name, settings in METHODS.items()
    }
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tqdm(total=len(batch_sizes) * len(decoders) * rounds) as bar:
        for size in batch_sizes:
            for decoder in decoders.values():
                run(decoder, texts[: 2 * size], loaded.labels, size)
            for _ in range(rounds):
                for name, decoder in decoders.items():
                    result = run(decoder, texts, loaded.labels, size)
                    found.setdefault((name, size), []).append(result)
                    bar.update()
    rows = []
    for (name, size), results in found.items():
        pairs = zip(results, found[_like_for_like(name), size], strict=True)
        ratios = [ours["texts_a_second"] / paper["texts_a_second"] for ours, paper in pairs]
        medians = {key: statistics.median(r[key] for r in results) for key in results[0]}
        rows.append({"method": name, "batch": size, **medians, "ratio": statistics.median(ratios)})
    return rows


def _like_for_like(name: str) -> str:
    """The paper's algorithm with the same mentions to find."""
    return "paper + copy" if "copy" in name else "paper"


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| method | batch | texts a second | passes a batch | tokens a text | ratio |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['method']} | {row['batch']} | {row['texts_a_second']:.1f} "
        f"| {row['passes_a_batch']:.2f} | {row['tokens_a_text']:.0f} | {row['ratio']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--model", default="english")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--limit", type=int, default=640, help="texts to run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/decoding"))
    arguments = parser.parse_args()
    loaded = load_model(ModelSource(arguments.model))
    texts = read_texts(arguments.texts, arguments.limit)
    rows = measure(loaded, texts, arguments.batch_sizes, arguments.rounds)
    machine = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": str(loaded.lm.device),
        "platform": platform.machine(),
    }
    command = (
        f"python benchmarks/decoding.py {arguments.texts.parent.name}/{arguments.texts.name} "
        f"--model {arguments.model} --limit {arguments.limit} --rounds {arguments.rounds}"
    )
    report = {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "texts": len(texts),
        "labels": list(loaded.labels),
        "machine": machine,
        "rows": rows,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    heading = f"`{command}`, {report['date']}, {len(texts)} texts, {machine}\n\n"
    arguments.output.with_suffix(".md").write_text(heading + table(rows) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
