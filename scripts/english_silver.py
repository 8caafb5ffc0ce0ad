"""Sentences of plain text, labelled by pipelines that were trained on the open sets.

    python scripts/english_silver.py --data DATA --output training/english/silver TEACHER ...

A teacher is a folder of a spaCy pipeline, such as `training/rival/model-best`. What each says is
kept in a file of its own, which a run that was interrupted goes on with; `silver.jsonl` has the
entities that more than half of them agree on.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import spacy
from english_data import digest
from spacy.language import Language
from tqdm import tqdm

from spacy_padellm.formats.json_records import read_records
from spacy_padellm.training.from_text.pretraining import read_lines

SHORTEST, LONGEST = 20, 400  # characters of a sentence
CHUNK = 2000  # sentences between two writes


def sentences(path: Path) -> Iterator[str]:
    """Of all lines, by full stops; the same every time."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    for doc in nlp.pipe(read_lines(path), batch_size=64):
        for sentence in doc.sents:
            text = sentence.text.strip()
            if SHORTEST <= len(text) <= LONGEST:
                yield text


def label(nlp: Language, texts: Iterator[str], output: Path, limit: int) -> None:
    """Appends what a teacher says of the texts that `output` has not yet."""
    done = 0
    if output.exists():
        data = output.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]  # a killed run may have left half a line
        if len(whole) < len(data):
            output.write_bytes(whole)
        done = whole.count(b"\n")
    left = islice(texts, done, limit)
    with (
        output.open("a", encoding="utf8") as file,
        tqdm(total=limit, initial=done, desc=output.stem, unit=" sentences") as bar,
    ):
        while chunk := list(islice(left, CHUNK)):
            lines = []
            for doc in nlp.pipe(chunk, batch_size=256):
                ents = [[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents]
                lines.append(json.dumps({"text": doc.text, "ents": ents}, ensure_ascii=False))
            file.write("\n".join(lines) + "\n")
            file.flush()
            bar.update(len(chunk))


def vote(files: list[Path], output: Path, limit: int) -> None:
    """Entities that more than half of the teachers have.

    Raises ValueError for files of teachers that have read other texts.
    """
    fresh = output.with_suffix(".tmp")
    with fresh.open("w", encoding="utf8") as target:
        everyone = zip(*(read_records(path) for path in files), strict=True)
        for records in islice(everyone, limit):
            if len({record["text"] for _, record in records}) > 1:
                names = ", ".join(path.name for path in files)
                raise ValueError(f"{names} are of different texts: delete the older ones")
            counts = Counter(tuple(ent) for _, record in records for ent in record["ents"])
            kept = sorted(ent for ent, n in counts.items() if 2 * n > len(files))
            record = {"text": records[0][1]["text"], "ents": kept}
            target.write(json.dumps(record, ensure_ascii=False) + "\n")
    os.replace(fresh, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teachers", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/english/silver"))
    parser.add_argument("--limit", type=int, default=308_000)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    files = []
    for teacher in arguments.teachers:
        # What another teacher of that name has said is not gone on with.
        files.append(arguments.output / f"{teacher.name}-{digest(teacher)}.jsonl")
        text = arguments.data / "text" / "wiki_en.txt.xz"
        label(spacy.load(teacher), sentences(text), files[-1], arguments.limit)
    vote(files, arguments.output / "silver.jsonl", arguments.limit)


if __name__ == "__main__":
    main()
