"""spaCy's own `ner` on the very data of the English model: corpora, config, training.

    python scripts/english_rival.py --data DATA --output training/rival [--max-steps 10000]

The config is `spacy init config --pipeline ner --optimize efficiency`, with other steps only.
"""

import argparse
import random
import subprocess
import sys
from pathlib import Path

import spacy
from english_data import TRAIN_SETS, read_set
from spacy.tokens import DocBin
from spacy.util import filter_spans

from spacy_padellm.formats.gold_text import GoldText


def to_docbin(golds: list[GoldText], path: Path, language: str = "en") -> None:
    """Spans that are not on spaCy's tokens are widened to them."""
    nlp = spacy.blank(language)
    box = DocBin()
    for gold in golds:
        doc = nlp.make_doc(gold.text)
        spans = [
            doc.char_span(start, end, label=label, alignment_mode="expand")
            for start, end, label in gold.spans
        ]
        doc.ents = filter_spans([span for span in spans if span is not None])
        box.add(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    box.to_disk(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/rival"))
    parser.add_argument("--max-steps", type=int, default=10000)
    arguments = parser.parse_args()
    output = arguments.output
    golds = [g for name in TRAIN_SETS for g in read_set(arguments.data, name, "train")]
    random.Random(0).shuffle(golds)
    to_docbin(golds, output / "train.spacy")
    to_docbin(read_set(arguments.data, "uner_ewt", "dev"), output / "dev.spacy")
    config = str(output / "config.cfg")
    make = ["init", "config", config, "-p", "ner", "-o", "efficiency", "--force"]
    train = [
        *("train", config, "-o", str(output), "--training.patience", "0"),
        *("--paths.train", str(output / "train.spacy"), "--paths.dev", str(output / "dev.spacy")),
        *("--training.max_steps", str(arguments.max_steps), "--training.eval_frequency", "1000"),
    ]
    for command in (make, train):
        subprocess.run([sys.executable, "-m", "spacy", *command], check=True)


if __name__ == "__main__":
    main()
