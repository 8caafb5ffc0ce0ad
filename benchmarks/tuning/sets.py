"""Annotated sets, and what is drawn of them: training texts of a size, development and test."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spacy_padellm.formats import jsonl
from spacy_padellm.formats.gold_text import GoldText

SETS = (
    "tasteset",
    "bc5cdr",
    "restaurant8k",
    "legal_ner_in",
    "presidio_synth",
    "stackoverflow",
    "uner_ewt",
)
SPLITS = ("train", "dev", "test")
LEAST_DEV, MOST_DEV = 50, 500
MOST_TEST = 1000


@dataclass(frozen=True)
class Draw:
    """What a cell trains on and is scored on. labels: those of the training texts."""

    train: list[GoldText]
    dev: list[GoldText]
    test: list[GoldText]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({span[2] for gold in self.train for span in gold.spans}))


def find_set(data: Path, name: str) -> Path:
    """The folder of a set: `data/name`, or `name` in a folder of `data`.

    Raises ValueError where there is none.
    """
    for folder in (data / name, *sorted(data.glob(f"*/{name}"))):
        if all(_file(folder, split) for split in SPLITS):
            return folder
    files = ", ".join(f"{split}.jsonl.gz" for split in SPLITS)
    raise ValueError(f"no set {name} below {data}: a set is a folder of that name with {files}")


def count_train(data: Path, name: str) -> int:
    """Training texts that a set has in all."""
    return len(_read(find_set(data, name), "train"))


def draw(data: Path, name: str, size: int | None, seed: int) -> Draw:
    """Texts of a set. size: training texts, None for all.

    A smaller draw is part of a larger one of the same seed. The development texts fit the size, as
    those of somebody who has annotated little: half as many, 50 to 500. The test texts are the
    same for all seeds and sizes, at most 1,000.
    """
    folder = find_set(data, name)
    train = _read(folder, "train")
    n_dev = min(max((size or len(train)) // 2, LEAST_DEV), MOST_DEV)
    return Draw(
        list(train) if size is None else _some(train, size, f"{name} train {seed}"),
        _some(_read(folder, "dev"), n_dev, f"{name} dev {seed}"),
        _some(_read(folder, "test"), MOST_TEST, f"{name} test"),
    )


def _some(golds: Iterable[GoldText], n: int, seed: str) -> list[GoldText]:
    shuffled = list(golds)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:n]


@cache
def _read(folder: Path, split: str) -> tuple[GoldText, ...]:
    path = _file(folder, split)
    assert path is not None
    return tuple(GoldText(t.text, t.spans) for t in jsonl.read(path) if t.text.strip())


def _file(folder: Path, split: str) -> Path | None:
    paths = (folder / f"{split}.jsonl.gz", folder / f"{split}.jsonl")
    return next((path for path in paths if path.exists()), None)
