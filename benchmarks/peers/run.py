"""Speed beside other systems: spaCy's ner, spacy-llm, GLiNER, on the same texts in one run.

    python benchmarks/peers/run.py corpus/english/uner_ewt.spacy --rival training/rival/model-best
        [--gliner-python PEERS/bin/python]

All take turns, round after round, after a warm-up. spacy-llm (`pip install -e .[llm,torch]`) runs
the model in the box behind its NER.v3 prompt, all gold mentions forced as its answer. GLiNER runs
in an environment of its own (`requirements.txt`): a random model of like size, which finds about as
many mentions as there are.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from gliner_client import open_gliner
from llm import make_spacy_llm
from pipelines import LABELS, Run, System, make_ours, make_rival
from report import make_notes, make_table, sum_up, write_report

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.tools.benchmark.corpus import read_corpus


def measure_peers(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    texts = read_texts(arguments.corpus, arguments.limit)
    llm = make_spacy_llm(texts)
    systems: list[Any] = [make_ours(texts), make_rival(arguments.rival, texts), llm]
    with open_gliner(arguments.gliner_python) as gliner:
        if gliner is not None:
            gliner.start(texts, arguments.threads)
            systems.append(gliner)
        rows = measure(systems, len(texts), arguments.batch_sizes, arguments.rounds)
        if gliner is not None:
            gliner.process.stdin.close()
    about = {
        "corpus": arguments.corpus.stem,
        "texts": len(texts),
        "mentions": sum(len(text.spans) for text in texts),
        "rounds": arguments.rounds,
        "date": time.strftime("%Y-%m-%d"),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    for name in ("spacy", "spacy-padellm", "spacy-llm", "torch", "transformers"):
        about[name] = version(name)
    command = (
        f"python benchmarks/peers/run.py {arguments.corpus.name} --rival RIVAL "
        f"-n {arguments.limit} -r {arguments.rounds} -t {arguments.threads} "
        f"-b {' '.join(map(str, arguments.batch_sizes))}"
    )
    command += " --gliner-python PEERS/bin/python" if gliner else ""
    model = llm.nlp.get_pipe("llm")._model
    write_report(arguments.output, command, about, make_notes(model, gliner), rows)
    print(make_table(rows))


def measure(
    systems: Sequence[System], n: int, batch_sizes: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """Rows of the table; the first system is the reference of the ratios."""
    rows = []
    for size in batch_sizes:
        runs: dict[str, list[Run]] = {system.name: [] for system in systems}
        for system in systems:
            system.run(min(n, 2 * size), size)
        for i in range(rounds):
            for system in systems:
                run = system.run(n, size)
                runs[system.name].append(run)
                speed = f"{run.texts_a_second:.1f} texts per second"
                print(f"batch {size}, round {i + 1}: {system.name} {speed}", file=sys.stderr)
        reference = runs[systems[0].name]
        rows += [sum_up(system, size, runs[system.name], reference) for system in systems]
    return rows


def read_texts(corpus: Path, limit: int) -> list[GoldText]:
    """The first texts, with their mentions of LABELS."""
    return [
        replace(text, spans=tuple(span for span in text.spans if span[2] in LABELS))
        for text in read_corpus(corpus, limit)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="annotated texts, .spacy")
    parser.add_argument("--rival", type=Path, required=True, help="a pipeline with spaCy's ner")
    parser.add_argument("--gliner-python", type=Path, help="interpreter with GLiNER")
    parser.add_argument("-n", "--limit", type=int, default=192, help="texts to take")
    parser.add_argument("-r", "--rounds", type=int, default=3)
    parser.add_argument("-t", "--threads", type=int, default=2, help="of torch")
    parser.add_argument("-b", "--batch-sizes", type=int, nargs="+", default=[1, 32])
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/peers"))
    measure_peers(parser.parse_args())


if __name__ == "__main__":
    main()
