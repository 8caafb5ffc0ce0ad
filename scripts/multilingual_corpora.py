"""Writes what the multilingual model is trained on, and the config that trains it.

python scripts/multilingual_corpora.py --data DATA --output corpus/multilingual

PER, ORG and LOC of the training texts of Universal NER in nine languages, and of openly licensed
sets in seven more. No PUD set is among them: those are translations of one another, and tests. Then

    python -m spacy padellm train corpus/multilingual/config.cfg --resume -o training/multilingual
"""

import argparse
import random
from pathlib import Path

from english_corpora import join_some, reader, weigh, write
from english_data import LABELS
from multilingual_data import MAIN, NO_BLANKS, TRAIN_SETS, asked_of, read_set
from thinc.api import Config

CONFIG = Path(__file__).parent / "multilingual.cfg"
MOST_DEV = 200  # texts of each that training is scored on, and probabilities are fitted to
JOINED_WEIGHT = 0.3  # of longer texts, beside those that they are made of
# Beyond what the size of a set says: whose guidelines the model follows, and what is small letters.
FAVOURED = {**dict.fromkeys(MAIN, 2.0), "germeval14": 2.0}
SPARED = dict.fromkeys(("multiconer1_de", "multiconer1_es", "multiconer1_nl", "lener_br"), 0.4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("corpus/multilingual"))
    arguments = parser.parse_args()
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    config = Config().from_disk(CONFIG, interpolate=False)
    rng = random.Random(0)
    train, weights, labels = {}, {}, {}
    for name, split in TRAIN_SETS.items():
        golds = read_set(arguments.data, name, split)
        sets = {name: golds}
        if name in MAIN:
            sets[f"{name}-longer"] = join_some(golds, rng, "" if name in NO_BLANKS else " ")
        for inner, texts in sets.items():
            path = output / f"{inner}.jsonl"
            write(path, random.Random(0).sample(texts, len(texts)))
            train[inner] = reader(path)
            labels[inner] = asked_of(name)
            weight = weigh(texts, FAVOURED | SPARED, name)
            weights[inner] = round(weight * (1.0 if inner == name else JOINED_WEIGHT), 2)
            print(f"{inner}: {len(texts):,} texts, weight {weights[inner]}")
    dev, some = {}, []
    for name in MAIN:
        path = output / f"{name}.dev.jsonl"
        golds = read_set(arguments.data, name, "dev")
        golds = random.Random(0).sample(golds, len(golds))
        write(path, golds)
        dev[name] = {**reader(path), "limit": MOST_DEV}
        some += [] if name in NO_BLANKS else golds[:MOST_DEV]
    write(output / "calibrate.jsonl", some)
    config["corpora"] = {
        "train": {**config["corpora"]["train"], "corpora": train, "weights": weights},
        "dev": {**config["corpora"]["dev"], "corpora": dev},
    }
    config["corpora"]["train"]["labels"] = labels
    config["corpora"]["dev"]["labels"] = {name: list(LABELS) for name in dev}
    config["initialize"]["components"] = {"padellm_ner": {"labels": list(LABELS)}}
    config.to_disk(output / "config.cfg", interpolate=False)


if __name__ == "__main__":
    main()
