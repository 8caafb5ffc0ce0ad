"""Keys and values of what all prompts begin with: encoded once, kept from batch to batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import PromptTree
from .runtime import Passes


def shared_preamble(prompts: Sequence[TextPrompt]) -> tuple[int, ...]:
    """The ids of examples that all prompts of a batch begin with; () for none."""
    first = prompts[0] if prompts else None
    if first is None or not first.preamble:
        return ()
    ids = first.trunk[: first.preamble]
    same = all(one.preamble == first.preamble and one.trunk[: len(ids)] == ids for one in prompts)
    return ids if same else ()


def preamble_cache(lm: Passes, ids: tuple[int, ...]) -> tuple[Any, int]:
    """As `KeptPreambles.get`: a cache of one row that holds the ids."""
    return lm.preambles.get(ids, lambda ids: _encode(lm, ids))


def _encode(lm: Passes, ids: Sequence[int]) -> Any:
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
