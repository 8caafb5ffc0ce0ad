"""Annotated sets, and what is drawn of them: training texts of a size, development and test."""

from dataclasses import dataclass
from pathlib import Path

from grid.sets import SPLITS, digest_set, find_set, labels_of, read_split, some

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
        return labels_of(self.train)


def count_train(data: Path, name: str) -> int:
    """Training texts that a set has in all."""
    return len(read_split(find_set(data, name), "train"))


def digest(data: Path, name: str) -> str:
    """Of all texts of a set, kept with results so that those of two sets of one name are not
    mixed."""
    return digest_set(find_set(data, name), SPLITS)


def draw(data: Path, name: str, size: int | None, seed: int) -> Draw:
    """Texts of a set. size: training texts, None for all.

    A smaller draw is part of a larger one of the same seed. The development texts fit the size, as
    those of somebody who has annotated little: half as many, 50 to 500. The test texts are the
    same for all seeds and sizes, at most 1,000.
    """
    folder = find_set(data, name)
    train = read_split(folder, "train")
    n_dev = min(max((size or len(train)) // 2, LEAST_DEV), MOST_DEV)
    return Draw(
        list(train) if size is None else some(train, size, f"{name} train {seed}"),
        some(read_split(folder, "dev"), n_dev, f"{name} dev {seed}"),
        some(read_split(folder, "test"), MOST_TEST, f"{name} test"),
    )
