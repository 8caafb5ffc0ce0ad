"""The ids that a batch may have to choose from, where they are few.

The output head, which at small sizes is a good part of a pass, then computes those logits and no
others.
"""

from collections.abc import Iterable

import numpy as np

from ..prompts.tree import Ints


class Choices:
    """ids: sorted, each once; None stands for the whole vocabulary."""

    def __init__(self, ids: Ints | None = None) -> None:
        self.ids = ids

    def columns(self, ids: Iterable[int] | Ints) -> Ints:
        """Where the logits of these ids are. Raises ValueError for one that is no choice."""
        wanted = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        if self.ids is None:
            return wanted
        found = np.searchsorted(self.ids, wanted)
        if (found == len(self.ids)).any() or (self.ids[found] != wanted).any():
            raise ValueError("an id was asked for that is none of the choices")
        return found

    def ids_of(self, columns: Ints) -> Ints:
        """Which ids' logits are in these columns."""
        return columns if self.ids is None else self.ids[columns]
