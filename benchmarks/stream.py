"""Memory over a long stream: the model in the box annotates 100,000 short texts.

    python benchmarks/stream.py --corpus corpus/english/uner_ewt.spacy [--texts 100000]

The corpus is repeated until there are texts enough, each with a number of its own behind it, so
that no two are alike. Writes the process's memory every 5,000 texts.
"""

import argparse
import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import spacy
from spacy.tokens import DocBin
from tqdm import tqdm


def resident() -> float:
    """MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def texts(corpus: Path, most_words: int) -> Iterator[str]:
    docs = DocBin().from_disk(corpus).get_docs(spacy.blank("xx").vocab)
    short = [doc.text for doc in docs if doc.text.strip() and len(doc) <= most_words]
    for i in itertools.count():
        yield f"{short[i % len(short)]} {i}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=20, help="longest text taken")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/stream"))
    arguments = parser.parse_args()
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    stream = itertools.islice(texts(arguments.corpus, arguments.words), arguments.texts)
    memory: list[tuple[int, float]] = []
    began = time.time()
    entities = 0
    for n, doc in enumerate(nlp.pipe(tqdm(stream, total=arguments.texts), batch_size=32), 1):
        entities += len(doc.ents)
        if n % 5000 == 0:
            memory.append((n, resident()))
    seconds = time.time() - began
    command = f"python benchmarks/stream.py --corpus uner_ewt.spacy --texts {arguments.texts}"
    report = {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "texts_a_second": arguments.texts / seconds,
        "entities": entities,
        "strings": len(nlp.vocab.strings),
        "resident_mib": memory,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1) + "\n"
    arguments.output.with_suffix(".json").write_text(text, encoding="utf8")
    tail = [mib for n, mib in memory if n > arguments.texts // 5]
    line = (
        f"{arguments.texts} texts, {report['texts_a_second']:.0f} a second; memory "
        f"{memory[0][1]:.0f} MiB after 5,000, {min(tail):.0f} to {max(tail):.0f} after a fifth"
    )
    lines = ["# Memory over a stream", "", f"`{command}`", "", line, ""]
    arguments.output.with_suffix(".md").write_text("\n".join(lines), encoding="utf8")
    print(line)


if __name__ == "__main__":
    main()
