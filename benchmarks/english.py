"""The model in the box: ways of decoding it side by side, and the component as it is used.

    python benchmarks/english.py --corpus corpus/english/uner_ewt.spacy \\
        [--autoregressive training/autoregressive]

The autoregressive models are those of `scripts/english_autoregressive.py`, of its size, each
trained for its answers. The component reads strings and gives Docs: tokens, windows and spans are
in its time.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from tqdm import tqdm

from spacy_padellm.decoding import TextDecoder
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.tools.benchmark.corpus import read_corpus
from spacy_padellm.tools.benchmark.measuring import measure
from spacy_padellm.tools.benchmark.methods import make_decoder
from spacy_padellm.tools.benchmark.report import make_table, write_report

FORMATS = ("structured", "augmented")


def time_component(
    texts: Sequence[str], batch_sizes: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """Texts a second through `nlp.pipe` by batch size, the median of the rounds."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    rows = []
    for size in batch_sizes:
        for _ in nlp.pipe(texts[: 4 * size], batch_size=size):  # what is made at first use
            pass
        rates = []
        for _ in range(rounds):
            began = time.perf_counter()
            n_entities = sum(len(doc.ents) for doc in nlp.pipe(texts, batch_size=size))
            rates.append(len(texts) / (time.perf_counter() - began))
        rows.append(
            {
                "batch_size": size,
                "texts_a_second": statistics.median(rates),
                "texts": len(texts),
                "entities": n_entities,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--autoregressive", type=Path, help="left out where it is not given")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/english_speed"))
    arguments = parser.parse_args()
    box = load_model(ModelSource("english"))
    golds = read_corpus(arguments.corpus, arguments.limit)
    decoders: dict[str, TextDecoder] = {
        name: make_decoder(name, box) for name in ("paper-copy", "tree", "ahead")
    }
    for name in FORMATS if arguments.autoregressive else ():
        loaded = load_model(ModelSource(str(arguments.autoregressive / name / "model")))
        decoders[name] = make_decoder(name, loaded)
    total = len(decoders) * len(arguments.batch_sizes) * arguments.rounds
    with tqdm(total=total) as bar:
        found = measure(
            decoders,
            golds,
            box.settings.labels,
            arguments.batch_sizes,
            arguments.rounds,
            box.lm.device,
            bar.update,
        )
    other = f"--autoregressive {arguments.autoregressive} " if arguments.autoregressive else ""
    command = (
        f"python benchmarks/english.py --corpus {arguments.corpus.name} "
        f"{other}--limit {arguments.limit} "
        f"--rounds {arguments.rounds} --batch-sizes {' '.join(map(str, arguments.batch_sizes))}"
    )
    about = {"texts": len(golds), "labels": len(box.settings.labels), "forced": False}
    write_report(arguments.output, "The model in the box, UNER EWT test", command, about, found)
    print(make_table(found))
    texts = [gold.text for gold in golds]
    component = time_component(texts, arguments.batch_sizes, arguments.rounds)
    report = {"command": command, "component": component}
    path = arguments.output.with_name(f"{arguments.output.name}_component.json")
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    print(json.dumps(component, indent=1))


if __name__ == "__main__":
    main()
