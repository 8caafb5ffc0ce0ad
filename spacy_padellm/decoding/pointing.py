"""Mentions from pointers: where they begin, and where each of them ends. One pass, no writing."""

from collections.abc import Iterator

import numpy as np

from ..prompts.encoding import TextPrompt
from ..spans.prediction import Count, Mention, Prediction
from .copying import TextSlices

LIKELY = 0.5  # a mention begins where it is likelier than not


def read_pointers(
    prompt: TextPrompt, slices: TextSlices, probabilities: np.ndarray, longest: int
) -> Prediction:
    """probabilities: [tokens, 2, labels], that a mention begins, and ends, at a token. longest:
    tokens that a mention may have.

    A mention's probability is that of its beginning times that of its end: that there is an end
    here and none before. A count is of the mentions found, and nothing that the model says: its
    probability is 1, so that a `Calibration` goes by the mention's own.
    """
    counts, mentions = [], []
    for i, label in enumerate(prompt.labels):
        starts, ends = probabilities[:, 0, i], probabilities[:, 1, i]
        found = list(_spans(slices, starts, ends, longest))
        for index, (first, last, probability) in enumerate(found, start=1):
            begin, end = slices.encoded.offsets[first][0], slices.encoded.offsets[last][1]
            text = slices.encoded.text[begin:end]
            mentions.append(Mention(label, index, text, begin, end, probability, (probability,)))
        counts.append(Count(label, len(found), 1.0))
    return Prediction(counts, mentions)


def _spans(
    slices: TextSlices, starts: np.ndarray, ends: np.ndarray, longest: int
) -> Iterator[tuple[int, int, float]]:
    """First and last token of each mention, and its probability, in the order of the text."""
    may_end = slices.may_end
    for first in np.flatnonzero(slices.may_start & (starts > LIKELY)).tolist():
        at = slice(first, min(first + longest, slices.last_end + 1))
        here = np.where(may_end[at], ends[at], 0.0).astype(np.float64)
        before = np.concatenate([[1.0], np.cumprod(1.0 - here)[:-1]])
        likely = here * before
        if may_end[at].any():
            best = int(likely.argmax()) if likely.any() else int(may_end[at].argmax())
            yield first, first + best, float(starts[first] * likely[best])
