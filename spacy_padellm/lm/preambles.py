"""Keys and values of what all prompts begin with: encoded once, kept from batch to batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import PromptTree
from .locks import ForkLock

if TYPE_CHECKING:
    from .runtime import Passes

MOST_KEPT = 4  # components that share a model may each have examples of their own


class KeptPreambles:
    """Caches of one row, by the ids that are in them. Those used last stay.

    They hold for one model with its weights: `forget` where weights change. A copy begins empty.
    """

    def __init__(self) -> None:
        self._caches: dict[tuple[int, ...], Any] = {}
        self._lock = ForkLock()

    def __len__(self) -> int:
        return len(self._caches)

    def get(self, lm: "Passes", ids: tuple[int, ...]) -> tuple[Any, int]:
        """The cache, to be copied from and never to be run with, and how many tokens were run for
        it: none where it was kept."""
        run = 0
        with self._lock:
            cache = self._caches.pop(ids, None)
            if cache is None:
                cache, run = _encode(lm, ids), len(ids)
            self._caches[ids] = cache
            while len(self._caches) > MOST_KEPT:
                del self._caches[next(iter(self._caches))]
        return cache, run

    def forget(self) -> None:
        with self._lock:
            self._caches.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptPreambles, ()


def shared_preamble(prompts: Sequence[TextPrompt]) -> tuple[int, ...]:
    """The ids of examples that all prompts of a batch begin with; () for none."""
    first = prompts[0] if prompts else None
    if first is None or not first.preamble:
        return ()
    ids = first.trunk[: first.preamble]
    same = all(one.preamble == first.preamble and one.trunk[: len(ids)] == ids for one in prompts)
    return ids if same else ()


def _encode(lm: "Passes", ids: Sequence[int]) -> Any:
    cache = lm.new_cache()
    last = np.array([len(ids) - 1])
    row, few = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)  # of logits, none is needed
    with lm.decoding():
        if lm.tree:
            tree = PromptTree([0], lm.window)
            tree.add(0, ids)
            lm.tree_pass(tree.take_pass(), cache, row, last, few)
        else:
            known = np.ones((1, len(ids)), dtype=bool)
            whole = np.array([ids], dtype=np.int64)
            lm.causal_pass(whole, known, np.arange(len(ids))[None], cache, row, last, few)
    return cache
