"""Annotated sets in folders, and texts that are drawn of them."""

import random
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from spacy_padellm.formats import jsonl
from spacy_padellm.formats.gold_text import GoldText

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


def some(golds: Iterable[GoldText], n: int, seed: str) -> list[GoldText]:
    """Up to n of them. A smaller draw is part of a larger one of the same seed."""
    shuffled = list(golds)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:n]


@cache
def read_split(folder: Path, split: str) -> tuple[GoldText, ...]:
    """All texts of a split, blank ones left out."""
    path = _file(folder, split)
    assert path is not None
    return tuple(GoldText(t.text, t.spans) for t in jsonl.read(path) if t.text.strip())


def _file(folder: Path, split: str) -> Path | None:
    paths = (folder / f"{split}.jsonl.gz", folder / f"{split}.jsonl")
    return next((path for path in paths if path.exists()), None)
