"""Texts that ask for labels which english-any has not seen, to calibrate it for such labels.

python scripts/english_unseen.py OUTPUT.spacy --data DATA [--limit 200]

Development texts of the sets in benchmarks/zero_shot.yml, each asked for the labels of its set:
one text by their names, the next with their descriptions, too.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spacy
import srsly
from english_data import outermost
from spacy.tokens import Doc, DocBin

from spacy_padellm.formats.detokenize import respace

ABOUT = Path(__file__).parents[1] / "benchmarks" / "zero_shot.yml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200, help="texts of each set")
    arguments = parser.parse_args()
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")  # Docs know their own labels then
    docs = [
        doc
        for name, about in srsly.read_yaml(ABOUT).items()
        for doc in read_docs(nlp, arguments.data, name, about, arguments.limit)
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(arguments.output)
    print(f"{len(docs):,} texts")


def read_docs(
    nlp: spacy.language.Language, data: Path, name: str, about: dict[str, Any], limit: int
) -> Iterator[Doc]:
    """about: of the set, as zero_shot.yml has it."""
    with gzip.open(data / "ner2" / name / "dev.jsonl.gz", "rt", encoding="utf8") as file:
        records = [record for line in file if (record := json.loads(line))["text"].strip()]
    labels = about["labels"]
    for i, record in enumerate(random.Random(0).sample(records, min(limit, len(records)))):
        text = record["text"]
        spans = outermost([(start, end, label) for start, end, label in record["ents"]])
        if about["joined"]:
            text, spans = respace(text, spans)
        doc = nlp.make_doc(text)
        doc._.padellm_labels = {called: meant if i % 2 else "" for called, meant in labels.values()}
        found = [
            doc.char_span(start, end, labels[label][0], alignment_mode="contract")
            for start, end, label in spans
            if label in labels
        ]
        doc.ents = spacy.util.filter_spans([span for span in found if span is not None])
        yield doc


if __name__ == "__main__":
    main()
