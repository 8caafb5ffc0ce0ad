"""What `padellm annotate` costs beside the model: texts per second and memory, with a stub for it.

    python benchmarks/annotate.py [--texts 1000000] [--kill]

With --kill the run is killed (SIGKILL) at a random moment, resumed, and its output compared with
that of a run that nothing disturbed.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from tqdm import tqdm

from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.annotate.running import run_job

OUTPUT = Path("benchmarks/results/annotate.json")


@Language.component("stub")
def stub(doc: Doc) -> Doc:
    """The first token is an entity."""
    doc.set_ents([Span(doc, 0, 1, "PER")])
    return doc


def write_texts(path: Path, n: int) -> None:
    """Short texts, each with a word of its own."""
    with path.open("w", encoding="utf8") as file:
        for i in range(n):
            text = f"Person{i} of town {i % 977} wrote to the office about case {i * 7919 % n}."
            file.write(json.dumps({"id": i, "text": text}) + "\n")


def run(source: Path, folder: Path) -> None:
    """One run; prints texts, seconds and peak memory of every tenth of it."""
    nlp = spacy.blank("en")
    nlp.add_pipe("stub")
    job = Job((str(source),), "stub", "", "jsonl", 10_000)
    began, texts, rows = time.perf_counter(), 0, []
    with tqdm(unit=" texts") as bar:
        for done in run_job(job, folder, nlp, 256, bar.update):
            texts += done.records
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append({"texts": texts, "seconds": time.perf_counter() - began, "mib": peak})
    print(json.dumps(rows[:: max(len(rows) // 10, 1)] + rows[-1:]), flush=True)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.glob("part-*")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def start(source: Path, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--run", str(source), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run(*arguments.run)
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        write_texts(place / "texts.jsonl", arguments.texts)
        whole = start(place / "texts.jsonl", place / "whole")
        rows = json.loads(whole.communicate()[0])
        report = {"command": "python benchmarks/annotate.py --kill", "rows": rows}
        report |= {"date": time.strftime("%Y-%m-%d"), "texts": arguments.texts}
        report["texts_a_second"] = rows[-1]["texts"] / rows[-1]["seconds"]
        if arguments.kill:
            killed = start(place / "texts.jsonl", place / "killed")
            time.sleep(random.uniform(0.2, 0.8) * rows[-1]["seconds"])
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            report["parts_when_killed"] = len(list((place / "killed").glob("part-*")))
            start(place / "texts.jsonl", place / "killed").communicate()
            report["same_output"] = digest(place / "killed") == digest(place / "whole")
    print(json.dumps(report, indent=1))
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
