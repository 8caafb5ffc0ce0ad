"""Annotated sets in folders, and texts that are drawn of them."""

import hashlib
import json
import logging
import random
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from spacy_padellm.formats import jsonl
from spacy_padellm.formats.annotated_text import AnnotatedText, Problem, say_lost
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.plurals import count

logger = logging.getLogger(__name__)
SPLITS = ("train", "dev", "test")


def find_set(data: Path, name: str, splits: Sequence[str] = SPLITS) -> Path:
    """The folder of a set: `data/name`, or `name` in a folder of `data`.

    splits: those that it must have. Raises ValueError where there is none.
    """
    for folder in (data / name, *sorted(data.glob(f"*/{name}"))):
        if all(_file(folder, split) for split in splits):
            return folder
    files = ", ".join(f"{split}.jsonl.gz" for split in splits)
    raise ValueError(f"no set {name} below {data}: a set is a folder of that name with {files}")


def labels_of(golds: Iterable[GoldText]) -> tuple[str, ...]:
    """Of all spans, sorted."""
    return tuple(sorted({label for gold in golds for _, _, label in gold.spans}))


def some(golds: Iterable[GoldText], n: int, seed: str) -> list[GoldText]:
    """Up to n of them. A smaller draw is part of a larger one of the same seed."""
    shuffled = list(golds)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:n]


@cache
def read_split(folder: Path, split: str) -> tuple[GoldText, ...]:
    """All texts of a split, but blank ones, and those that nobody annotated, which are no texts
    without entities.

    Raises ValueError where a span of the file cannot be kept.
    """
    path = _file(folder, split)
    assert path is not None
    problems: list[Problem] = []
    texts = list(jsonl.read(path, problems))
    _check_kept(texts, problems)
    known = [text for text in texts if text.annotated]
    if left := len(texts) - len(known):
        logger.warning("%s: %s without annotation: left out", path, count(left, "text"))
    return tuple(
        GoldText(text.text, text.spans, unknown=text.unknown) for text in known if text.text.strip()
    )


def digest_set(folder: Path, splits: Sequence[str]) -> str:
    """Of the texts of these splits and what is known of them, wherever they lie; 12 hex digits.
    Raises as `read_split`."""
    digest = hashlib.sha256()
    for split in splits:
        for gold in read_split(folder, split):
            digest.update(json.dumps([gold.text, gold.spans, gold.unknown]).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:12]


def _check_kept(texts: Sequence[AnnotatedText], problems: Sequence[Problem]) -> None:
    """Raises ValueError where something is lost. Of a span that is given twice, nothing is."""
    kept = {(text.line, span) for text in texts for span in text.spans}
    lost = [
        of for of in problems if of.lost and (of.line, (of.start, of.end, of.label)) not in kept
    ]
    if lost:
        first = lost[0]
        raise ValueError(
            f"{first.file}: {say_lost(lost)} cannot be kept, the first in line {first.line}: "
            f"{first.label} at {first.start} {first.reason}. Mend the file, or let "
            f"`padellm convert` make it anew"
        )


def _file(folder: Path, split: str) -> Path | None:
    paths = (folder / f"{split}.jsonl.gz", folder / f"{split}.jsonl")
    return next((path for path in paths if path.exists()), None)
