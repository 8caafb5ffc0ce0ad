"""Writes what the English models are trained on, and the config that trains them.

python scripts/english_corpora.py --data DATA --output corpus/english [--without SET ...]
    [--config scripts/english_smollm2.cfg --only-names] [--labels scripts/english_labels.yml]
    [--even] [--words N]

Openly licensed sets, each with labels of its own, so that the model reads what it is asked for:
PER, ORG and LOC of seven sets, and some 280 further labels of nineteen. `--only-names` takes the
seven alone. `--without` leaves sets out, for measuring on labels that were never trained on.
`--labels` has descriptions and other names of labels, for a model that reads them: of all that the
sets ask for, and no others. `--words` takes so many of all sets together, each with its share, for
a training that sees no more of them. Then

    python -m spacy padellm train corpus/english/config.cfg --resume -o training/english
"""

import argparse
import gzip
import json
import math
import random
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import srsly
from english_data import LABELS, TRAIN_SETS, join_texts, outermost, read_set
from thinc.api import Config

from spacy_padellm.formats.detokenize import respace
from spacy_padellm.formats.gold_text import GoldText

CONFIG = Path(__file__).parent / "english.cfg"
# Sets with many labels. Those joined by blanks are de-tokenised.
JOINED = (
    "annoctr", "bionlp13cg", "fewnerd_inter_test", "fewnerd_inter_val", "multiconer1_en",
    "multiconer2_en", "ncbi_disease", "redocred", "stackoverflow",
)  # fmt: skip
NATURAL = (
    "dstc8_buses", "dstc8_events", "dstc8_homes", "dstc8_rentalcars", "hwu64",
    "materials_syntheses", "presidio_synth", "snips", "sofc_exp", "wetlab",
)  # fmt: skip
CUT = "omitted for annotation"  # in texts that stand for code which a set has left out
DEV_SETS = ("uner_ewt", "gmb", "btc", "wnut17", "wikigold")
MOST_DEV = 300  # texts of each that training is scored on
# Sets whose texts are also joined to some that follow each other: longer texts have them.
LONGER = ("uner_ewt", "wikigold", "gmb", "litbank_names")
MOST_JOINED = 8
LOWERED = 12  # of so many texts, one is there again in small letters
# How often an epoch takes a set: the smaller, the oftener.
MIDDLE = 400_000  # characters of a set that is taken once
POWER, MOST = 0.4, 8.0
# Beyond that: what the model is there for before anything else.
FAVOURED = {"uner_ewt": 1.5, "gmb": 1.5, "btc": 2.5, "wikigold": 1.5, "wnut17": 1.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("corpus/english"))
    parser.add_argument("--without", nargs="+", default=[], metavar="SET")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--only-names", action="store_true", help="PER, ORG and LOC alone")
    parser.add_argument("--even", action="store_true", help="no set is favoured")
    parser.add_argument("--labels", type=Path, metavar="FILE.yml")
    parser.add_argument("--words", type=int, default=0, help="default: all")
    arguments = parser.parse_args()
    if unknown := set(arguments.without) - {*TRAIN_SETS, *JOINED, *NATURAL}:
        parser.error(f"--without: no set {', '.join(sorted(unknown))} is among those of training")
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    config = Config().from_disk(arguments.config, interpolate=False)
    many = () if arguments.only_names else (*JOINED, *NATURAL)
    read = list(read_sets(arguments.data, many))
    kept = [s for s in read if s[0].partition("-")[0] not in arguments.without]
    every = sorted({label for *_, asked in kept for label in asked})
    known: dict[str, list[str]] = {}
    if arguments.labels:
        # Which labels the other sets have is not known where they are not read.
        of_all = None if arguments.only_names else {label for *_, asked in read for label in asked}
        known = read_labels(arguments.labels, every, of_all)
    favoured = {} if arguments.even else FAVOURED
    weights = {name: weigh(golds, favoured, name) for name, golds, _ in kept}
    if arguments.words:
        drawn = sum(weights[name] * count_words(golds) for name, golds, _ in kept)
        weights = {name: weight * arguments.words / drawn for name, weight in weights.items()}
    train, labels = {}, {}
    for name, golds, asked in kept:
        # What an epoch would leave out is not written.
        taken = math.ceil(min(weights[name], 1.0) * len(golds)) if arguments.words else len(golds)
        path = output / f"{name}.jsonl"
        write(path, random.Random(0).sample(golds, taken))
        train[name] = reader(path)
        labels[name] = asked
        weights[name] = round(weights[name] * len(golds) / taken, 2)
        print(f"{name}: {taken:,} texts, {len(asked)} labels, weight {weights[name]}")
    dev = {}
    for name in DEV_SETS:
        path = output / f"{name}.dev.jsonl"
        golds = read_set(arguments.data, name, "dev")
        write(path, random.Random(0).sample(golds, len(golds)))
        dev[name] = {**reader(path), "limit": MOST_DEV}
    config["corpora"] = {
        "train": {**config["corpora"]["train"], "corpora": train, "weights": weights},
        "dev": {**config["corpora"]["dev"], "corpora": dev},
    }
    config["corpora"]["train"]["labels"] = labels
    config["corpora"]["dev"]["labels"] = {name: list(LABELS) for name in dev}
    # Of a stream, spaCy shows the component the first hundred texts alone.
    asked_as: Any = every
    if known:
        asked_as = [[label, known[label][0]] for label in every]
        noise = config["components"]["padellm_ner"].setdefault("label_noise", {})
        noise["names"] = [[label, known[label][1:]] for label in every]
    config["initialize"]["components"] = {"padellm_ner": {"labels": asked_as}}
    config.to_disk(output / "config.cfg", interpolate=False)


def read_labels(path: Path, every: Sequence[str], of_all: Set[str] | None) -> dict[str, list[str]]:
    """Label → its description, then other names. every: those that must be there. of_all: those
    that may be, None for any. Ends with a message for others."""
    known = {str(label): about for label, about in srsly.read_yaml(path).items()}
    if lacking := [label for label in every if label not in known]:
        raise SystemExit(f"{path} lacks {', '.join(lacking)}")
    if of_all is not None and (surplus := [label for label in known if label not in of_all]):
        raise SystemExit(f"{path} has {', '.join(surplus)}, which no training set asks for")
    return known


def weigh(golds: list[GoldText], favoured: dict[str, float], name: str) -> float:
    """How often an epoch takes the texts of a set."""
    often = min((MIDDLE / sum(len(gold.text) for gold in golds)) ** POWER, MOST)
    return round(often * favoured.get(name.partition("-")[0], 1.0), 2)


def count_words(golds: list[GoldText]) -> int:
    return sum(len(gold.text.split()) for gold in golds)


def read_sets(data: Path, many: Sequence[str]) -> Iterator[tuple[str, list[GoldText], list[str]]]:
    """Name, texts and labels of each set. many: those of other labels."""
    rng = random.Random(0)
    for name in TRAIN_SETS:
        golds = read_set(data, name, "train")
        yield name, with_lower_case(golds), list(LABELS)
        if name in LONGER:
            yield f"{name}-longer", join_some(golds, rng), list(LABELS)
    for name in many:
        golds = list(read_many(data, name))
        asked = sorted({label for gold in golds for _, _, label in gold.spans})
        yield name, with_lower_case(golds), asked


def read_many(data: Path, name: str) -> Iterator[GoldText]:
    with gzip.open(data / "ner2" / name / "train.jsonl.gz", "rt", encoding="utf8") as file:
        for line in file:
            record = json.loads(line)
            text = record["text"]
            spans = outermost([(s, e, label) for s, e, label in record["ents"]])
            if not text.strip() or CUT in text:
                continue
            if name in JOINED:
                text, spans = respace(text, spans)
            yield GoldText(text, tuple(sorted(spans)))


def join_some(golds: list[GoldText], rng: random.Random, blank: str = " ") -> list[GoldText]:
    """All texts, joined to texts of two to eight that follow each other."""
    joined, at = [], 0
    while at < len(golds):
        n = rng.randint(2, MOST_JOINED)
        joined.append(join_texts(golds[at : at + n], blank))
        at += n
    return joined


def with_lower_case(golds: list[GoldText]) -> list[GoldText]:
    small = [
        GoldText(gold.text.lower(), gold.spans)
        for gold in golds[::LOWERED]
        if len(gold.text.lower()) == len(gold.text)
    ]
    return golds + small


def write(path: Path, golds: list[GoldText]) -> None:
    srsly.write_jsonl(path, ({"text": gold.text, "ents": gold.spans} for gold in golds))


def reader(path: Path) -> dict[str, str]:
    return {"@readers": "spacy_padellm.Corpus.v1", "path": str(path)}


if __name__ == "__main__":
    main()
