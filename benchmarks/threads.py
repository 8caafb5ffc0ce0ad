"""How many threads serve one text and a batch best, alone and beside another process.

    python benchmarks/threads.py --corpus corpus/english/uner_ewt.spacy [--model english]

The model runs on onnxruntime through `nlp.pipe`, in processes with 1, 2, ... threads each
(`OMP_NUM_THREADS`), whose threads spin while they wait, or sleep, as they do in this package. One
process runs alone, then two at once; all variants in turn, round after round, each in new processes
that have warmed up before the clock starts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grid.command import read_number
from grid.machine import describe, threads
from grid.options import say_options
from grid.pages import write_page
from grid.tables import table
from tqdm import tqdm

from spacy_padellm.tools.benchmark.corpus import read_corpus

OUTPUT = Path("benchmarks/results/threads")
BATCHES = (1, 32)
# Reads the texts, says that it is ready, and runs when it is told to.
CODE = """
import json, sys, time
from pathlib import Path
import spacy
from spacy_padellm.lm.onnx import graph
model, texts, size, spins = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), *sys.argv[3:]
options = graph.session_options
def spinning():
    made = options()
    made.add_session_config_entry("session.intra_op.allow_spinning", spins)
    return made
graph.session_options = spinning
nlp = spacy.blank("en")
nlp.add_pipe("padellm_ner", config={"model": {"name": model, "runtime": "onnx"}})
for doc in nlp.pipe(texts[:64], batch_size=int(size)):
    pass
print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
for doc in nlp.pipe(texts, batch_size=int(size)):
    pass
print(len(texts) / (time.perf_counter() - began), flush=True)
"""


@dataclass(frozen=True)
class Variant:
    """processes: at once. threads: of each."""

    processes: int
    threads: int
    spins: bool


def variants(most_threads: int) -> list[Variant]:
    """One thread has no other to wait for."""
    return [
        Variant(processes, n, spins)
        for processes in (1, 2)
        for n in range(1, most_threads + 1)
        for spins in ((False,) if n == 1 else (False, True))
    ]


def measure(variant: Variant, model: str, texts: Path, batch_size: int) -> float:
    """Texts per second, of all processes together. Raises RuntimeError with what one said that
    failed."""
    command = [sys.executable, "-c", CODE, model, str(texts), str(batch_size)]
    command.append("1" if variant.spins else "0")
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, **threads(variant.threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(variant.processes)
    ]
    try:
        for process in running:
            if _line(process) != "ready":
                raise RuntimeError(f"a process with {variant} failed: what it said is above")
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        return sum(float(_line(process) or "nan") for process in running)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def show(rows: Sequence[dict[str, Any]]) -> str:
    heads = ["processes", "threads each", "waiting threads"]
    heads += [f"texts/s, batch {size}" for size in BATCHES]
    lines = [
        [
            str(row["processes"]),
            str(row["threads"]),
            ("spin" if row["spins"] else "sleep") if row["threads"] > 1 else "–",
            *(f"{statistics.median(row['speed'][str(size)]):.1f}" for size in BATCHES),
        ]
        for row in rows
    ]
    return table(heads, lines)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--model", default="english", help="exported; default: english")
    parser.add_argument("--texts", type=read_number, default=192)
    parser.add_argument("--threads", type=read_number, default=os.cpu_count(), help="at most")
    parser.add_argument("--rounds", type=read_number, default=3)
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    try:
        texts = [gold.text for gold in read_corpus(arguments.corpus, arguments.texts)]
    except (ValueError, OSError) as error:
        parser.error(str(error))
    rows = [
        {**asdict(variant), "speed": {str(size): [] for size in BATCHES}}
        for variant in variants(arguments.threads)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "texts.json"
        path.write_text(json.dumps(texts))
        for _ in tqdm(range(arguments.rounds)):
            for variant, row in zip(variants(arguments.threads), rows, strict=True):
                for size in BATCHES:
                    rate = measure(variant, arguments.model, path, size)
                    row["speed"][str(size)].append(rate)
    report = {
        "command": f"python benchmarks/threads.py {say_options(arguments)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        "texts": len(texts),
        "rows": rows,
    }
    about = f"The median of {arguments.rounds} rounds; texts per second of all processes together"
    write_page(arguments.output, report, about, show(rows))


if __name__ == "__main__":
    main()
