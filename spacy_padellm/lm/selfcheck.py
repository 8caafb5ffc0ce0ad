"""Does a tree mask give this model's own logits? Asked at load, answered by a toy tree.

A model that ignores the mask, shifts positions or drops its window differs by several standard
deviations of its logits; rounding (bf16) by a few hundredths as a rule, some logits by more.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ..logs import first_line
from ..prompts.tree import Ints, TreePass
from .language_model import LanguageModel
from .row_session import RowSession
from .session import Branch, Question
from .toy_tree import toy_difference

logger = logging.getLogger(__name__)

# These take a 4-D mask and ignore it, wholly or in some layers: their answer would be silently
# wrong. What fails loudly, or is not known, is found by the self-check.
IGNORES_TREE_MASK = frozenset(
    {"mpt", "gpt_neo", "llama4", "llama4_text", "rwkv", "qwen3_next", "lfm2", "lfm2_moe", "lfm3"}
)
MASKED_ATTENTION = ("sdpa", "eager")

# Of the logits' standard deviation: the largest difference, which is 1e-5 where all is right; leaks
# give 3 and more, but a shift of alibi distances may give as little as 0.05.
TOLERANCE = {torch.float32: 0.01, torch.float64: 0.01}
HALF_TOLERANCE = 0.1  # of the typical difference


def check_language_model(lm: LanguageModel) -> LanguageModel:
    """Sets `lm.tree` and `lm.rows_cached` by what the model really does, and logs it. Raises
    ValueError for a model whose logits are no numbers."""
    # Whoever asks first may do so under autocast, which is no fault of the model.
    with torch.autocast(lm.device.type, enabled=False):
        lm.tree, reason = _try_tree(lm)
        if not lm.tree:
            _check_finite(lm)
    if lm.tree:
        logger.info("%s: tree decoding is exact (%s)", lm.name, reason)
        return lm
    with torch.autocast(lm.device.type, enabled=False):
        fault = _fault_of_rows(lm)
    lm.rows_cached = not fault
    how = f"without a cache ({fault})" if fault else "with a repeated cache"
    logger.warning("%s: no tree decoding (%s); decoding by rows %s", lm.name, reason, how)
    return lm


def check_fixed_shapes(lm: LanguageModel) -> bool:
    """Whether passes of fixed shapes give this model's own logits; says why where not."""
    if not lm.tree:
        logger.warning("%s takes no tree mask: `compile` has no effect on it", lm.name)
        return False
    try:
        lm.compile(compiled=False)
        with torch.autocast(lm.device.type, enabled=False):
            difference = tree_difference(lm)
    except Exception as error:  # any failure inside a model means: not this way
        reason = f"{type(error).__name__}: {str(error)[:100]}"
    else:
        if difference < TOLERANCE.get(lm.dtype, HALF_TOLERANCE):
            return True
        reason = f"logits differ by {difference:.2f} standard deviations"
    lm.static = None
    logger.warning("%s: passes of fixed shapes fail (%s); `compile` has no effect", lm.name, reason)
    return False


def _try_tree(lm: LanguageModel) -> tuple[bool, str]:
    kind = getattr(lm.config, "model_type", "")
    if kind in IGNORES_TREE_MASK:
        return False, f"{kind} models ignore tree masks in some layers"
    if lm.attention not in MASKED_ATTENTION:
        return False, f"attn_implementation {lm.attention!r} takes no tree mask"
    try:
        difference = tree_difference(lm)
    except Exception as error:  # any failure inside a model means: not this way
        return False, f"a tree mask fails with {type(error).__name__}: {str(error)[:100]}"
    if not difference < TOLERANCE.get(lm.dtype, HALF_TOLERANCE):
        return False, f"its logits differ from plain rows by {difference:.2f} standard deviations"
    return True, f"largest difference {difference:.1e} standard deviations"


@torch.inference_mode()
def _check_finite(lm: LanguageModel) -> None:
    with _evaluating(lm):
        logits = lm.model(input_ids=torch.tensor([[0, 1]], device=lm.device)).logits
    if bool(logits.isnan().any()):
        raise ValueError(
            f"{lm.name} answers with nan: its weights are damaged (copy them again), or too large "
            f"for {lm.dtype} (set `dtype` to 'bfloat16' or 'float32')"
        )


@torch.inference_mode()
def tree_difference(lm: LanguageModel) -> float:
    """Largest difference between tree and rows, in standard deviations of the logits; of a model
    in 16 bits the typical one."""
    with _small_window(lm, 5), _evaluating(lm):
        return toy_difference(_Toy(lm), typical=lm.dtype not in TOLERANCE)


class _Toy:
    """The logits of a model, for `toy_difference`."""

    cached = True

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.vocabulary = lm.model.get_input_embeddings().weight.shape[0]
        self.window = lm.window
        self.pass_width = lm.pass_width

    def open_cache(self, columns: int) -> Any:
        return self.lm.open_cache(1, columns)

    def in_tree(self, taken: TreePass, cache: Any, rows: Ints, columns: Ints) -> np.ndarray:
        return self.lm.tree_pass(taken, cache, rows, columns).cpu().numpy()

    def in_row(self, ids: Sequence[int]) -> np.ndarray:
        """As the model runs by itself, with no mask of ours."""
        given = torch.tensor([list(ids)], device=self.lm.device)
        return self.lm.model(input_ids=given).logits[0].float().cpu().numpy()


@torch.inference_mode()
def _fault_of_rows(lm: LanguageModel) -> str:
    """Why rows selected from a cache, padded on the right, do not continue as whole rows do; ""
    where they do."""
    vocabulary = lm.model.get_input_embeddings().weight.shape[0]
    draw = np.random.default_rng(1)
    trunks = [[int(i) for i in draw.integers(0, vocabulary, n)] for n in (7, 4)]
    tails = [[int(i) for i in draw.integers(0, vocabulary, n)] for n in (3, 1, 2)]
    whole = [Question(np.arange(vocabulary))]
    results = []
    with _small_window(lm, 3), _evaluating(lm):
        for cached in (True, False):
            session = RowSession(lm, [], share=True, cached=cached)
            origins = [Branch(text, trunk) for text, trunk in enumerate(trunks)]
            branches = [Branch(o.text, [*o.ids, *tail], o) for o in origins for tail in tails]
            try:
                answers = session.extend(branches, [whole] * len(branches))
                for branch in branches:
                    branch.ids.append(branch.ids[-1])
                answers += session.extend(branches[1:], [whole] * len(branches[1:]))
            except Exception as error:
                return first_line(error)
            results.append(np.stack([answer.log_probs for answer in answers]))
    with_cache, without = results
    difference = float(np.abs(with_cache - without).max() / without.std())
    agrees = difference < TOLERANCE.get(lm.dtype, HALF_TOLERANCE)
    return "" if agrees else f"logits differ by {difference:.2f} standard deviations"


@contextlib.contextmanager
def _small_window(lm: LanguageModel, size: int) -> Iterator[None]:
    """A window smaller than the toy texts, so that the check sees whether it is kept."""
    window = lm.window
    if window is None:
        yield
        return
    lm.config.sliding_window = min(size, window)
    try:
        yield
    finally:
        lm.config.sliding_window = window


@contextlib.contextmanager
def _evaluating(lm: LanguageModel) -> Iterator[None]:
    training = lm.model.training
    lm.model.eval()
    try:
        yield
    finally:
        lm.model.train(training)
