"""Which texts an epoch holds, and how they are put into batches of like size."""

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from ..lm.batching import plan_batches
from ..spans.numeric import check_number
from .examples import TrainingText

Drawn = TypeVar("Drawn")


class Epochs(Protocol):
    """What a training run goes through."""

    def epoch(self, number: int) -> list[list[TrainingText]]:
        """The batches of an epoch, the same for the same number."""
        ...


class Mixture:
    """Several sets of training texts, each with its share of an epoch.

    shares: 1 takes a set once an epoch, 0.5 a random half, 2 twice; 1 where none is given.
    batch_tokens: about how many tree nodes a batch holds.
    """

    def __init__(
        self,
        sets: Mapping[str, Sequence[TrainingText]],
        shares: Mapping[str, float] | None = None,
        batch_tokens: int = 2048,
        seed: int = 0,
    ) -> None:
        unknown = set(shares or {}) - set(sets)
        if unknown:
            raise ValueError(f"shares name sets that do not exist: {', '.join(sorted(unknown))}")
        for name, share in (shares or {}).items():
            check_number(f"the share of {name}", share, least=0)
        self.sets = {name: list(texts) for name, texts in sets.items() if texts}
        if not self.sets:
            raise ValueError("there is no text to train on")
        self.shares = dict(shares or {})
        self.batch_tokens = batch_tokens
        self.seed = seed

    def epoch(self, number: int) -> list[list[TrainingText]]:
        """The batches of an epoch, the same for the same number."""
        rng = random.Random(f"{self.seed} {number}")
        drawn = (draw(texts, self.shares.get(name, 1.0), rng) for name, texts in self.sets.items())
        texts = list(itertools.chain.from_iterable(drawn))
        rng.shuffle(texts)
        batches = []
        # Sorting all texts by length would make batches of one set; within chunks it only
        # spares padding.
        for start in range(0, len(texts), 1000):
            chunk = texts[start : start + 1000]
            plans = plan_batches([text.size for text in chunk], self.batch_tokens)
            batches += [[chunk[i] for i in plan] for plan in plans]
        rng.shuffle(batches)
        return batches


def draw(texts: Sequence[Drawn], share: float, rng: random.Random) -> list[Drawn]:
    """All texts as often as the share is whole, and its fraction of them at random."""
    return [*texts] * int(share) + rng.sample(texts, round((share % 1) * len(texts)))
