"""Memory over a long stream: the model in the box annotates 100,000 short texts.

    python benchmarks/stream.py --corpus corpus/english/uner_ewt.spacy [--texts 100000]

The corpus is repeated until there are texts enough, each with a number of its own behind it, so
that no two are alike. Writes the process's memory every 5,000 texts, and at the end.
"""

import argparse
import itertools
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import spacy
from grid.machine import describe, say_machines
from grid.options import say_options
from tqdm import tqdm

from spacy_padellm.tools.benchmark.corpus import read_corpus

OUTPUT = Path("benchmarks/results/stream")


def resident() -> float:
    """MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def read_short(corpus: Path, most_words: int) -> list[str]:
    """Texts of at most so many words, punctuation counted. Raises ValueError where there is none,
    and as `read_corpus`."""
    words = spacy.blank("en").tokenizer
    texts = [gold.text for gold in read_corpus(corpus)]
    short = [text for text in texts if len(words(text)) <= most_words]
    if not short:
        raise ValueError(f"all texts of {corpus} have more than {most_words} words: raise --words")
    return short


def numbered(texts: Sequence[str]) -> Iterator[str]:
    """Without an end."""
    for i in itertools.count():
        yield f"{texts[i % len(texts)]} {i}"


def annotate(texts: Sequence[str], n: int, every: int) -> dict[str, Any]:
    """resident_mib: pairs of texts so far and MiB."""
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    stream = itertools.islice(numbered(texts), n)
    memory: list[tuple[int, float]] = []
    began = time.time()
    entities = 0
    for done, doc in enumerate(nlp.pipe(tqdm(stream, total=n), batch_size=32), 1):
        entities += len(doc.ents)
        if done % every == 0 or done == n:
            memory.append((done, resident()))
    return {
        "texts_a_second": n / (time.time() - began),
        "entities": entities,
        "strings": len(nlp.vocab.strings),
        "resident_mib": memory,
    }


def say(n: int, found: dict[str, Any]) -> str:
    (first, at_first), *_ = memory = found["resident_mib"]
    tail = [mib for done, mib in memory if done > n // 5]
    return (
        f"{n} texts, {found['texts_a_second']:.0f} a second; memory {at_first:.0f} MiB after "
        f"{first:,}, {min(tail):.0f} to {max(tail):.0f} after a fifth"
    )


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=20, help="of the longest text taken")
    parser.add_argument("--every", type=int, default=5000, help="texts between two looks")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    for name in ("texts", "every"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is {getattr(arguments, name)}: give 1 or more")
    try:
        texts = read_short(arguments.corpus, arguments.words)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    report = {
        "command": f"python benchmarks/stream.py {say_options(arguments)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": describe(),
        **annotate(texts, arguments.texts, arguments.every),
    }
    output, line = arguments.output, say(arguments.texts, report)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf8")
    about = f"{report['date']}; {say_machines([report])[0]}"
    page = "\n\n".join(["# Memory over a stream", f"`{report['command']}`", about, line]) + "\n"
    output.with_suffix(".md").write_text(page, encoding="utf8")
    print(line)


if __name__ == "__main__":
    main()
