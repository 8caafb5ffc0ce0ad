"""Training and evaluation texts of the English model: openly licensed sets under one scheme.

The same lists train spaCy's own `ner` for comparison (`english_rival.py`).
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from spacy_padellm.formats.detokenize import respace
from spacy_padellm.formats.gold_text import GoldText

LABELS = ("PER", "ORG", "LOC")

# What each set calls them. A label that is missing here is dropped.
SAME = {"PER": "PER", "ORG": "ORG", "LOC": "LOC"}
SCHEMES: dict[str, dict[str, str]] = {
    "uner_ewt": SAME,
    "uner_pud": SAME,
    "btc": SAME,
    "wikigold": SAME,
    "sec_filings": SAME,
    "wnut17": {"person": "PER", "location": "LOC", "corporation": "ORG", "group": "ORG"},
    "litbank_names": {"PER": "PER", "ORG": "ORG", "LOC": "LOC", "GPE": "LOC", "FAC": "LOC"},
    "gmb": {"per": "PER", "org": "ORG", "geo": "LOC", "gpe": "gpe"},
}
NATURAL = ("uner_ewt", "uner_pud")  # the others are joined by blanks and are de-tokenised
# Contract roles ("the Borrower") are annotated as names in the loan agreements.
ROLES = {"borrower", "lender", "bank", "borrowers", "lenders", "guarantor"}
TRAIN_SETS = ("uner_ewt", "gmb", "btc", "wnut17", "wikigold", "sec_filings", "litbank_names")
TEST_SETS = ("uner_ewt", "uner_pud", "wikigold", "wnut17", "gmb", "btc")


def read_set(data: Path, name: str, split: str) -> list[GoldText]:
    """One split under the labels PER, ORG, LOC, de-tokenised where it was joined by blanks."""
    places = _places(data) if name == "gmb" else set()
    return [
        _gold(text, spans, name, places)
        for text, spans in _lines(data, name, split)
        if text.strip()
    ]


def join_texts(golds: Sequence[GoldText], blank: str = " ") -> GoldText:
    """One text. blank: what stands between."""
    text, spans = "", []
    for gold in golds:
        text += blank * bool(text)
        spans += [(len(text) + s, len(text) + e, label) for s, e, label in gold.spans]
        text += gold.text
    return GoldText(text, tuple(spans))


def join_every(golds: Sequence[GoldText], n: int) -> list[GoldText]:
    """Texts of n that follow each other."""
    return [join_texts(golds[at : at + n]) for at in range(0, len(golds), n)]


def fold(text: str) -> list[str]:
    """Words in small letters, without punctuation: how alike texts are looked for."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()


def fold_all(golds: Iterable[GoldText]) -> set[tuple[str, ...]]:
    """Their texts, folded: what `count_copies` looks in."""
    return {tuple(fold(gold.text)) for gold in golds}


def count_copies(golds: Sequence[GoldText], known: Set[tuple[str, ...]]) -> dict[str, int]:
    """How many are among known texts, case and punctuation aside; how many of them have entities,
    or more than 40 characters. known: of `fold_all`."""
    seen = [gold for gold in golds if tuple(fold(gold.text)) in known]
    return {
        "texts": len(seen),
        "with entities": sum(bool(gold.spans) for gold in seen),
        "long": sum(len(gold.text) > 40 for gold in seen),
    }


def digest(path: Path) -> str:
    """Which weights a model or pipeline has, in twelve letters: of the names and contents of its
    `*.safetensors` files alone, since a notice, a card or a calibration beside them changes no
    weight. Of a pipeline without any, such as one with spaCy's `ner`, of all that is in the folder.
    Of a file, of that; empty where there is none."""
    found = hashlib.sha256()
    files = sorted(inner for inner in (path, *path.rglob("*")) if inner.is_file())
    weights = [file for file in files if file.suffix == ".safetensors"]
    for file in weights or files:
        if weights:
            found.update(file.name.encode() + b"\0")
        found.update(file.read_bytes())
    return found.hexdigest()[:12] if files else ""


def _gold(text: str, spans: list[tuple[int, int, str]], name: str, places: set[str]) -> GoldText:
    scheme = SCHEMES[name]
    kept = []
    for start, end, label in spans:
        mapped = scheme.get(label)
        string = text[start:end]
        if mapped == "gpe":  # nationalities and countries alike
            mapped = "LOC" if string in places else None
        if name == "sec_filings" and string.lower() in ROLES:
            mapped = None
        if mapped is not None:
            kept.append((start, end, mapped))
    kept = outermost(kept)
    if name not in NATURAL:
        text, kept = respace(text, kept)
    return GoldText(text, tuple(sorted((s, e, label) for s, e, label in kept)))


def outermost(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Flat spans: of nested ones the longest, so that `doc.ents` can hold them."""
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(span[1] <= other[0] or span[0] >= other[1] for other in kept):
            kept.append(span)
    return kept


def _places(data: Path) -> set[str]:
    """Strings that edited text in the training sets has as a place at least three times.

    GMB's gpe holds nationalities ("Iraqi") and countries ("Sudan"); only the latter are LOC.
    """
    counts: Counter[str] = Counter()
    for name in ("gmb", "uner_ewt", "wikigold"):
        wanted = {"geo"} if name == "gmb" else {k for k, v in SCHEMES[name].items() if v == "LOC"}
        for text, spans in _lines(data, name, "train"):
            counts.update(text[s:e] for s, e, label in spans if label in wanted)
    return {string for string, n in counts.items() if n >= 3}


def _lines(data: Path, name: str, split: str) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    path = data / "ner" / name / f"{split}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in file:
            record = json.loads(line)
            yield record["text"], [(s, e, label) for s, e, label in record["ents"]]
