"""An English model: texts per second through the component, by batch size.

    python benchmarks/english.py --corpus corpus/english/uner_ewt.spacy [--models english ...]

The component reads strings and gives Docs: tokens, windows and spans are in its time.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from grid.machine import describe
from grid.options import say_options
from tqdm import tqdm

from spacy_padellm.tools.benchmark.corpus import read_corpus

OUTPUT = Path("benchmarks/results/english_speed.json")


def time_component(
    model: str, texts: Sequence[str], batch_sizes: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """Texts per second through `nlp.pipe` by batch size, the median of the rounds. model: a name
    or a folder."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": model}})
    rows = []
    for size in tqdm(batch_sizes, model, unit=" sizes"):
        for _ in nlp.pipe(texts[: 4 * size], batch_size=size):  # what is made at first use
            pass
        rates = []
        for _ in range(rounds):
            began = time.perf_counter()
            n_entities = sum(len(doc.ents) for doc in nlp.pipe(texts, batch_size=size))
            rates.append(len(texts) / (time.perf_counter() - began))
        rows.append(
            {
                "model": model,
                "batch_size": size,
                "texts_a_second": statistics.median(rates),
                "texts": len(texts),
                "entities": n_entities,
            }
        )
    return rows


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["english"], help="default: english")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32, 128])
    parser.add_argument("--limit", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    try:
        texts = [gold.text for gold in read_corpus(arguments.corpus, arguments.limit)]
    except (ValueError, OSError) as error:
        parser.error(str(error))
    found = [
        row
        for model in arguments.models
        for row in time_component(model, texts, arguments.batch_sizes, arguments.rounds)
    ]
    report = {
        "command": f"python benchmarks/english.py {say_options(arguments)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "component": found,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
