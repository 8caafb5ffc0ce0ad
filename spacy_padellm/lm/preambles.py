"""Keys and values of what all prompts begin with: encoded once, kept from batch to batch."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..logs import first_line
from ..prompts.encoding import TextPrompt
from ..prompts.tree import PromptTree
from .batching import is_out_of_memory
from .choices import Choices
from .runtime import Passes
from .session import Question

logger = logging.getLogger(__name__)
TOLERANCE = 0.25  # typical, in standard deviations of the numbers; what is wrong differs by more


def open_preamble(lm: Passes, prompts: Sequence[TextPrompt]) -> tuple[tuple[int, ...], Any, int]:
    """The ids of examples that all prompts of a batch begin with; a cache of one row that holds
    them, to be copied from and never to be run with; and how many tokens were run for it: none
    where it was kept. No ids and no cache where there are no examples, or where the model does not
    go on behind a copied cache as it should, of which a warning tells: then each text reads them.
    """
    ids = _shared(prompts)
    if not ids or not lm.preambles.check(lambda: _goes_on(lm, ids)):
        return (), None, 0
    return ids, *lm.preambles.get(ids, lambda ids: _encode(lm, ids))


def _shared(prompts: Sequence[TextPrompt]) -> tuple[int, ...]:
    first = prompts[0] if prompts else None
    if first is None or not first.preamble:
        return ()
    ids = first.trunk[: first.preamble]
    same = all(one.preamble == first.preamble and one.trunk[: len(ids)] == ids for one in prompts)
    return ids if same else ()


def _goes_on(lm: Passes, ids: Sequence[int]) -> bool:
    """Whether a toy tree behind a copied cache gives the numbers of the same tree in one pass."""
    if not lm.tree:  # the self-check has copied rows
        return True
    begin, tails = list(ids[:5]), [list(ids[-3:]), list(ids[-2:])]
    try:
        with lm.decoding():
            copied = _encode(lm, begin)
            numbers = [_numbers(lm, begin, tails, cache) for cache in (None, copied)]
    except Exception as error:  # any failure inside a model means: not this way
        if is_out_of_memory(error):
            raise
        reason = first_line(error)
    else:
        apart = np.square(numbers[0] - numbers[1]).mean()
        difference = float(np.sqrt(apart) / max(numbers[0].std(), 1e-9))
        if difference < TOLERANCE:
            return True
        reason = f"its logits differ by {difference:.2f} standard deviations"
    logger.warning(
        "the examples are read anew with each text, as the model does not go on behind a copied "
        "cache: %s",
        reason,
    )
    return False


def _numbers(
    lm: Passes, begin: Sequence[int], tails: Sequence[Sequence[int]], copied: Any
) -> np.ndarray:
    """Log-probabilities behind each tail, of texts in a row each. copied: holds the beginning."""
    tree = PromptTree(range(len(tails)), lm.window, begin if copied is not None else ())
    lasts = [tree.add(text, [*begin, *tail])[-1] for text, tail in enumerate(tails)]
    taken = tree.take_pass(lm.pass_width(tree.pending))
    cache = lm.open_cache(len(tails), len(begin) + taken.ids.shape[1], copied)
    logits = lm.tree_pass(taken, cache, *tree.place(lasts, taken))
    asked = [Question(np.unique([*begin, *(i for tail in tails for i in tail)]))] * len(tails)
    answers = lm.read_logits(logits, asked, Choices())
    lm.close_cache(cache)
    return np.stack([answer.log_probs for answer in answers])


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
