"""Logits in numpy, gathered and reduced."""

from collections.abc import Sequence

import numpy as np

from ...prompts.tree import Ints
from ..answers import Reductions


class LogitArray:
    """logits: [questions, choices], float32."""

    def __init__(self, logits: np.ndarray) -> None:
        self.logits = logits

    def reduce(
        self, rows: Ints, columns: Ints, free: Sequence[int], whole: Sequence[int]
    ) -> Reductions:
        """As `Logits`."""
        of_free = self.logits[list(free)]
        tokens = of_free.argmax(-1) if len(free) else np.zeros(0, dtype=np.int64)
        likeliest = of_free[np.arange(len(free)), tokens]
        sums = _log_sums(self.logits[list(whole)])
        return Reductions(self.logits[rows, columns], likeliest, tokens, sums)


def _log_sums(logits: np.ndarray) -> np.ndarray:
    """Log of the summed exponentials of each row, [rows]."""
    if not len(logits):
        return np.zeros(0, dtype=np.float32)
    highest = logits.max(-1)
    sums = np.exp(logits - highest[:, None]).sum(-1, dtype=np.float64)
    return (highest + np.log(sums)).astype(np.float32)
