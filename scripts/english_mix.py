"""What the English model is trained on, epoch by epoch.

The first epoch is mostly silver: what many words look like. Later ones are mostly what people have
annotated, each text as it stands, half of them with other names, a few in other case, and joined to
texts of some sentences.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from english_data import LABELS, TRAIN_SETS, join_texts, read_set

from spacy_padellm.encoding import PromptEncoder
from spacy_padellm.formats import jsonl
from spacy_padellm.training.examples import (
    GoldText,
    TrainingText,
    for_tagging,
    make_training_text,
)
from spacy_padellm.training.mixture import Mixture

logger = logging.getLogger("english")

BATCH_TOKENS = 4096
# How often an epoch takes the texts of a set that have an entity; those without, EMPTY times that.
FIRST = {"uner_ewt": 2.0, "wikigold": 2.0, "sec_filings": 0.5, "litbank_names": 0.5}
LATER = {**FIRST, "uner_ewt": 3.0, "wikigold": 4.0, "wnut17": 2.0, "btc": 1.5}
EMPTY = 0.4
SILVER = (0.7, 0.25)  # of what teachers have labelled: in the first epoch, in later ones
SILVER_ASKED = 0.2  # what part of it is asked about, not only tagged
# Later epochs, as parts of a set's texts with entities: other names in them, other case.
RENAMED, RECASED = 0.5, 0.06
# Later epochs, how often all texts of a set are taken, joined to texts of some sentences.
JOINED = {"uner_ewt": 1.0, "wikigold": 1.0, "gmb": 0.5, "litbank_names": 0.3}
MOST_JOINED = 8
NAME_SOURCES = ("uner_ewt", "gmb", "wikigold", "wnut17")


class Curriculum:
    """The mixture of the first epoch, and that of all others.

    identity: what tells it from another one, for checkpoints.
    """

    def __init__(self, data: Path, silver: Path, encoder: PromptEncoder) -> None:
        golds = {name: read_set(data, name, "train") for name in TRAIN_SETS}
        sets, first, later = _annotated(golds, encoder)
        _add_changed(golds, encoder, sets, first, later)
        _add_joined(golds, encoder, sets, first, later)
        _add_silver(silver, encoder, sets, first, later)
        self.identity = {
            "shares": [FIRST, LATER, EMPTY, SILVER, SILVER_ASKED, RENAMED, RECASED, JOINED],
            "batch_tokens": BATCH_TOKENS,
            "texts": {name: len(texts) for name, texts in sets.items()},
        }
        self.first = Mixture(sets, first, batch_tokens=BATCH_TOKENS)
        self.later = Mixture(sets, later, batch_tokens=BATCH_TOKENS)

    def epoch(self, number: int) -> list[list[TrainingText]]:
        """As `Mixture.epoch`."""
        return (self.later if number else self.first).epoch(number)


Sets = dict[str, list[TrainingText]]
Shares = dict[str, float]


def _annotated(
    golds: dict[str, list[GoldText]], encoder: PromptEncoder
) -> tuple[Sets, Shares, Shares]:
    """The sets, texts without entities apart, and their shares of epochs."""
    sets: Sets = {}
    first: Shares = {}
    later: Shares = {}
    for name, annotated in golds.items():
        texts = [make_training_text(encoder, gold, LABELS) for gold in annotated]
        off = sum(len(text.unaligned) for text in texts)
        logger.info("%s: %d texts, %d spans off the tokens", name, len(texts), off)
        sets[name] = [text for text in texts if text.mentions]
        sets[f"{name}, empty"] = [text for text in texts if not text.mentions]
        for shares, chosen in ((first, FIRST), (later, LATER)):
            shares[name] = chosen.get(name, 1.0)
            shares[f"{name}, empty"] = EMPTY * shares[name]
    return sets, first, later


def _add_changed(
    golds: dict[str, list[GoldText]],
    encoder: PromptEncoder,
    sets: Sets,
    first: Shares,
    later: Shares,
) -> None:
    rng = random.Random(0)
    names = collect_names(gold for source in NAME_SOURCES for gold in golds[source])
    for name, annotated in golds.items():
        for kind, part in (("renamed", RENAMED), ("recased", RECASED)):
            chosen = [gold for gold in annotated if gold.spans]
            chosen = rng.sample(chosen, round(part * len(chosen)))
            if kind == "renamed":
                changed = [rename(gold, names, rng) for gold in chosen]
            else:
                changed = [recase(gold, rng) for gold in chosen]
            key = f"{name}, {kind}"
            sets[key] = [make_training_text(encoder, gold, LABELS) for gold in changed]
            first[key], later[key] = 0.0, LATER.get(name, 1.0)


def _add_joined(
    golds: dict[str, list[GoldText]],
    encoder: PromptEncoder,
    sets: Sets,
    first: Shares,
    later: Shares,
) -> None:
    rng = random.Random(0)
    for name, share in JOINED.items():
        made = [make_training_text(encoder, gold, LABELS) for gold in join(golds[name], rng)]
        sets[f"{name}, joined"] = made
        first[f"{name}, joined"], later[f"{name}, joined"] = 0.0, share


def _add_silver(
    path: Path, encoder: PromptEncoder, sets: Sets, first: Shares, later: Shares
) -> None:
    if not path.exists():
        logger.warning("%s is not there: annotated sets alone", path)
        return
    for number, text in enumerate(jsonl.read(path)):
        made = make_training_text(encoder, GoldText(text.text, text.spans), LABELS)
        name = "silver" if made.mentions else "silver, empty"
        if number % 100 >= 100 * SILVER_ASKED:
            name, made = f"{name}, tags", for_tagging(made)
        sets.setdefault(name, []).append(made)
        for shares, part in ((first, SILVER[0]), (later, SILVER[1])):
            shares[name] = part * (1.0 if made.mentions else EMPTY)


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
