"""What to run ahead of what is known, so that fewer passes follow one another.

Two kinds, both exact (what is rejected is as if it had never been run): drafts of a mention's next
tokens, copied from the text (as prompt lookup decoding does), and mentions of a count that is
not known yet. Whether they pay depends on what a pass costs against a token, which is measured
while decoding, and on how long mentions are and how often a label has them, which is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

LONGEST = 32  # tokens of a mention, its end included, that are told apart
DRAFTS = (0, 1, 2, 3, 5, 8)
Floats = npt.NDArray[np.floating]
GUESSES: tuple[tuple[int, ...], ...] = ((), (1,), (1, 2))
DECAY = 0.98


@dataclass
class PassCost:
    """Seconds of a pass as `fixed + per_token * tokens`, from the passes seen, old ones fading.

    Errors count in relation to a pass's time: what is decided is the size of small passes.
    padding: tokens run for each that is asked for, since rows of a pass are equally wide.
    """

    passes: int = 0
    padding: float = 1.0
    sums: Floats = field(default_factory=lambda: np.zeros(5))

    def add(self, tokens: int, seconds: float, asked: int | None = None) -> None:
        """tokens: that were run, padding included; asked: without it."""
        self.passes += 1
        if asked:
            self.padding += 0.1 * (tokens / asked - self.padding)
        seen = np.array([1.0, tokens, seconds, tokens * tokens, tokens * seconds])
        self.sums = DECAY * self.sums + seen / max(seconds, 1e-6) ** 2

    @property
    def fixed_tokens(self) -> float:
        """How many tokens cost as much as a pass by itself; 48 before three are known."""
        n, x, y, xx, xy = self.sums
        spread = n * xx - x * x
        if self.passes < 3 or spread <= 0:
            return 48.0
        per_token = (n * xy - x * y) / spread
        fixed = (y - per_token * x) / n
        if per_token <= 0:
            return 512.0
        return float(np.clip(fixed / per_token, 0.0, 512.0))


@dataclass
class Speculation:
    """Decides how far to run ahead.

    drafts: tokens of a draft; None chooses by cost. guesses: counts whose mentions are asked for
    before the count is known; None chooses by cost, () runs nothing before it is known.
    prefix_first: the session encodes labels in a pass of their own, with which nothing can be run.
    """

    drafts: int | None = None
    guesses: tuple[int, ...] | None = None
    prefix_first: bool = False
    cost: PassCost = field(default_factory=PassCost)
    # Priors that some texts outweigh: lengths fall by half, most labels have no mention.
    lengths: Floats = field(default_factory=lambda: 4.0 * 0.5 ** np.arange(1, LONGEST + 1))
    counts: dict[str, list[float]] = field(default_factory=dict)

    def saw_mention(self, n_tokens: int) -> None:
        """n_tokens: the end included."""
        self.lengths *= 0.999
        self.lengths[min(max(n_tokens, 1), LONGEST) - 1] += 1.0

    def saw_count(self, label: str, value: int) -> None:
        seen = self._seen(label)
        for i in range(len(seen)):  # a list: numpy is slow on four numbers
            seen[i] *= 0.99
        seen[min(value, len(seen) - 1)] += 1.0

    def draft_length(self, written: Sequence[int]) -> int:
        """How many tokens to draft for mentions of which so many tokens are written, all more
        than 0."""
        if self.drafts is not None:
            return self.drafts
        if not written:
            return 0
        alive = np.array([self._survival(n) for n in written])  # [mentions, LONGEST]
        fixed = self.cost.fixed_tokens / self.cost.padding
        best, best_cost = 0, np.inf
        for length in DRAFTS:
            step = length + 1
            # P(a mention needs more than q passes) = P(more than q * step tokens are missing).
            more = alive[:, ::step]
            passes = float((1.0 - np.prod(1.0 - more, axis=0)).sum())
            tokens = step * float(more.sum())
            cost = fixed * passes + tokens
            if cost < best_cost - 1e-9:
                best, best_cost = length, cost
        return best

    def guess(self, labels: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """For which counts to ask for mentions in the first pass; labels: of each text."""
        if self.prefix_first:
            return ()
        if self.guesses is not None:
            return self.guesses
        flat = [label for of_text in labels for label in of_text]
        if len(flat) > 16:  # that all are guessed right is too unlikely
            return ()
        seen = np.array([self._seen(label) for label in flat])
        shares = seen / seen.sum(axis=1, keepdims=True)
        none_at_all = float(np.prod(shares[:, 0]))
        best: tuple[int, ...] = ()
        best_gain = 0.0
        for guesses in GUESSES:
            right = float(np.prod(shares[:, [0, *guesses]].sum(axis=1)))
            nodes = 2 * sum(guesses) * len(flat)
            gain = self.cost.fixed_tokens * (right - none_at_all) - nodes
            if gain > best_gain:
                best, best_gain = guesses, gain
        return best

    def _seen(self, label: str) -> list[float]:
        if label not in self.counts:
            self.counts[label] = [2.8, 0.8, 0.25, 0.15]
        return self.counts[label]

    def _survival(self, written: int) -> Floats:
        """[LONGEST], P(a mention misses more than 0, 1, ... tokens, its end included)."""
        left = self.lengths[min(written, LONGEST - 1) :]
        alive = np.zeros(LONGEST)
        alive[: len(left)] = left[::-1].cumsum()[::-1] / left.sum()
        return alive
