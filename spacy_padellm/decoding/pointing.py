"""Mentions from pointers: where they begin, and where each of them ends. One pass, no writing."""

import logging
from collections.abc import Iterator

import numpy as np

from ..logs import warn_of_few
from ..prompts.encoding import TextPrompt
from ..spans.prediction import Count, Mention, Prediction
from .copying import TextSlices
from .settings import LIKELY

logger = logging.getLogger(__name__)
CUT = "a %s that begins %r has no likely end in %d tokens and was cut (setting max_mention_tokens)"


def read_pointers(
    prompt: TextPrompt,
    slices: TextSlices,
    probabilities: np.ndarray,
    longest: int,
    start_threshold: float = LIKELY,
) -> Prediction:
    """probabilities: [tokens, 2, labels], that a mention begins, and ends, at a token. longest:
    tokens that a mention may have, more only where it may not end before; one that is likely to end
    behind them is cut, with a warning. start_threshold: the probability above which a mention
    begins.

    A mention's probability is that of its beginning times that of its end: that there is an end
    here and none before. A count is of the mentions found, however many, and nothing that the model
    says: its probability is 1, so that a `Calibration` goes by the mention's own.
    """
    counts, mentions = [], []
    for i, label in enumerate(prompt.labels):
        starts, ends = probabilities[:, 0, i], probabilities[:, 1, i]
        found = list(_spans(slices, starts, ends, longest, start_threshold))
        for index, (first, last, probability, is_cut) in enumerate(found, start=1):
            begin, end = slices.encoded.offsets[first][0], slices.encoded.offsets[last][1]
            text = slices.encoded.text[begin:end]
            mentions.append(Mention(label, index, text, begin, end, probability, (probability,)))
            if is_cut:
                warn_of_few(logger, CUT, label, slices.encoded.text[begin : begin + 80], longest)
        counts.append(Count(label, len(found), 1.0))
    return Prediction(counts, mentions)


def _spans(
    slices: TextSlices, starts: np.ndarray, ends: np.ndarray, longest: int, start_threshold: float
) -> Iterator[tuple[int, int, float, bool]]:
    """First and last token of each mention, its probability, and whether it is likelier to end
    behind the longest that it may be, in the order of the text."""
    may_end = slices.may_end
    all_ends = np.flatnonzero(may_end)
    for first in np.flatnonzero(slices.may_start & (starts > start_threshold)).tolist():
        next_end = int(all_ends[np.searchsorted(all_ends, first)])  # be it behind the longest
        stop = max(min(first + longest, slices.last_end + 1), next_end + 1)
        here = np.where(may_end[first:stop], ends[first:stop], 0.0).astype(np.float64)
        none_yet = np.cumprod(1.0 - here)
        likely = here * np.concatenate([[1.0], none_yet[:-1]])
        best = int(likely.argmax()) if likely.any() else next_end - first
        is_cut = stop <= slices.last_end and none_yet[-1] > LIKELY
        yield first, first + best, float(starts[first] * likely[best]), bool(is_cut)
