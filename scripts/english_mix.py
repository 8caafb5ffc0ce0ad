"""What the English model is trained on, epoch by epoch.

The first epoch is mostly silver: what many words look like. Later ones are mostly what people have
annotated, each text as it stands, half of them with other names, a few in other case, and joined to
texts of some sentences.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from english_data import LABELS, TRAIN_SETS, join_texts, read_set

from spacy_padellm.formats import jsonl
from spacy_padellm.learning.examples import (
    GoldText,
    TrainingText,
    for_tagging,
    make_training_text,
)
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.prompts.encoding import PromptEncoder

logger = logging.getLogger("english")

BATCH_TOKENS = 4096
# How often an epoch takes the texts of a set that have an entity; those without, EMPTY times that.
FIRST = {"uner_ewt": 2.0, "wikigold": 2.0, "sec_filings": 0.5, "litbank_names": 0.5}
LATER = {**FIRST, "uner_ewt": 3.0, "gmb": 1.5, "wikigold": 4.0, "wnut17": 2.0, "btc": 1.5}
EMPTY = 0.4
SILVER = (0.7, 0.25)  # of what teachers have labelled: in the first epoch, in later ones
SILVER_ASKED = 0.2  # what part of it is asked about, not only tagged
# Later epochs, as parts of a set's texts with entities: other names in them, other case.
RENAMED = {**dict.fromkeys(TRAIN_SETS, 0.5), "gmb": 0.2}
RECASED = 0.06
# Later epochs, how often all texts of a set are taken, joined to texts of some sentences.
JOINED = {"uner_ewt": 1.5, "wikigold": 2.0, "gmb": 0.7, "litbank_names": 0.3}
MOST_JOINED = 8
NAME_SOURCES = ("uner_ewt", "gmb", "wikigold", "wnut17")


class Curriculum:
    """The mixture of the first epoch, and that of all others.

    identity: what tells it from another one, for checkpoints.
    """

    def __init__(self, data: Path, silver: Path, encoder: PromptEncoder) -> None:
        golds = {name: read_set(data, name, "train") for name in TRAIN_SETS}
        shelf = Shelf(encoder)
        for name, texts in golds.items():
            shelf.add(name, texts, FIRST.get(name, 1.0), LATER.get(name, 1.0))
        _add_changed(shelf, golds)
        _add_joined(shelf, golds)
        _add_silver(shelf, silver)
        self.identity = {
            "shares": [FIRST, LATER, EMPTY, SILVER, SILVER_ASKED, RENAMED, RECASED, JOINED],
            "joined": [MOST_JOINED, *NAME_SOURCES],
            "batch_tokens": BATCH_TOKENS,
            "texts": {name: len(texts) for name, texts in shelf.sets.items()},
        }
        self.first = Mixture(shelf.sets, shelf.first, batch_tokens=BATCH_TOKENS)
        self.later = Mixture(shelf.sets, shelf.later, batch_tokens=BATCH_TOKENS)

    def epoch(self, number: int) -> list[list[TrainingText]]:
        """As `Mixture.epoch`."""
        return (self.later if number else self.first).epoch(number)


class Shelf:
    """The sets, those of their texts that have no entity apart, and their shares of epochs."""

    def __init__(self, encoder: PromptEncoder) -> None:
        self.encoder = encoder
        self.sets: dict[str, list[TrainingText]] = defaultdict(list)
        self.first: dict[str, float] = {}
        self.later: dict[str, float] = {}

    def add(
        self,
        name: str,
        golds: Iterable[GoldText],
        first: float,
        later: float,
        change: Callable[[TrainingText], TrainingText] = lambda text: text,
    ) -> None:
        """Texts of one set, and how often an epoch takes them; each changed by `change`."""
        off = 0
        for gold in golds:
            text = make_training_text(self.encoder, gold, LABELS)
            off += len(text.unaligned)
            self.sets[name if text.mentions else f"{name}, empty"].append(change(text))
        logger.info("%s: %d spans off the tokens", name, off)
        for key, part in ((name, 1.0), (f"{name}, empty", EMPTY)):
            if key in self.sets:
                self.first[key], self.later[key] = part * first, part * later


Golds = Mapping[str, Sequence[GoldText]]


def _add_changed(shelf: Shelf, golds: Golds) -> None:
    """Other names, other case."""
    rng = random.Random(0)
    names = collect_names(gold for source in NAME_SOURCES for gold in golds[source])
    for name, annotated in golds.items():
        full = [gold for gold in annotated if gold.spans]
        share = LATER.get(name, 1.0)
        chosen = rng.sample(full, round(RENAMED[name] * len(full)))
        renamed = [rename(gold, names, rng) for gold in chosen]
        shelf.add(f"{name}, renamed", renamed, 0.0, share)
        chosen = rng.sample(full, round(RECASED * len(full)))
        shelf.add(f"{name}, recased", [recase(gold, rng) for gold in chosen], 0.0, share)


def _add_joined(shelf: Shelf, golds: Golds) -> None:
    rng = random.Random(0)
    for name, share in JOINED.items():
        shelf.add(f"{name}, joined", join(golds[name], rng), 0.0, share)


def _add_silver(shelf: Shelf, path: Path) -> None:
    """What teachers have labelled; most of it is there for the tags of its tokens alone."""
    if not path.exists():
        logger.warning("%s is not there: annotated sets alone", path)
        return
    asked = round(100 * SILVER_ASKED)

    def read(wanted: Callable[[int], bool]) -> Iterator[GoldText]:
        texts = enumerate(jsonl.read(path))
        return (GoldText(text.text, text.spans) for i, text in texts if wanted(i % 100))

    shelf.add("silver", read(lambda i: i < asked), *SILVER)
    shelf.add("silver, tags", read(lambda i: i >= asked), *SILVER, change=for_tagging)


def collect_names(golds: Iterable[GoldText]) -> dict[str, list[str]]:
    """By label, the names that may stand for one another: capitalised, of up to four words."""
    names: dict[str, set[str]] = defaultdict(set)
    for gold in golds:
        for start, end, label in gold.spans:
            name = gold.text[start:end]
            if name[0].isupper() and len(name) > 2 and len(name.split()) <= 4:
                names[label].add(name)
    return {label: sorted(found) for label, found in names.items()}


def join(golds: Sequence[GoldText], rng: random.Random) -> Iterator[GoldText]:
    """Texts that follow each other, two to MOST_JOINED at a time, with a blank between."""
    at = 0
    while at < len(golds):
        some = golds[at : at + rng.randint(2, MOST_JOINED)]
        at += len(some)
        yield join_texts(some)


def rename(gold: GoldText, names: dict[str, list[str]], rng: random.Random) -> GoldText:
    """Three of four names in a text become others of their label, the same ones alike."""
    chosen: dict[tuple[str, str], str] = {}

    def choose(name: str, label: str) -> str:
        if (name, label) not in chosen:
            other = rng.choice(names[label]) if rng.random() < 0.75 else name
            chosen[name, label] = other
        return chosen[name, label]

    parts: list[str] = []
    spans = []
    at, length = 0, 0
    for start, end, label in sorted(gold.spans):
        name = choose(gold.text[start:end], label)
        parts += [gold.text[at:start], name]
        length += start - at
        spans.append((length, length + len(name), label))
        length += len(name)
        at = end
    parts.append(gold.text[at:])
    return GoldText("".join(parts), tuple(spans))


def recase(gold: GoldText, rng: random.Random) -> GoldText:
    """All in capitals, or none; letters whose case changes their number stay."""
    upper = rng.random() < 0.5
    changed = (c.upper() if upper else c.lower() for c in gold.text)
    same_length: Sequence[str] = [
        c if len(c) == 1 else old for c, old in zip(changed, gold.text, strict=True)
    ]
    return GoldText("".join(same_length), gold.spans)
