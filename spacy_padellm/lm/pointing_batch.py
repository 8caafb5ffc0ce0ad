"""Texts side by side, as a model that points reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import Bools
from ..prompts.words import N_FEATURES, words_of

Array = TypeVar("Array")
MOST_KEPT = 64  # sets of labels whose queries are kept
CPU_TOKENS = 1024  # of a pass: what more would hold is padding, and falls out of the caches


@dataclass(frozen=True, eq=False)
class PointingBatch(Generic[Array]):
    """Texts padded on the right, [texts, columns] each; arrays of numpy or of the runtime.

    ids: of the tokens. real: which columns are no padding. hashes: [texts, words, features]; words:
    [texts, words], which of them are no padding.
    word_of: the word of each token; pieces: which part of it. inside: which columns are tokens of
    the text itself.
    """

    ids: Array
    real: Array
    hashes: Array
    words: Array
    word_of: Array
    pieces: Array
    inside: Array


def pointing_batch(prompts: Sequence[TextPrompt]) -> PointingBatch[np.ndarray]:
    """What the model reads of texts: the trunks of their prompts, and their words."""
    words = [words_of(prompt.encoded) for prompt in prompts]
    rows, columns = len(prompts), max(len(prompt.trunk) for prompt in prompts)
    ids = np.zeros((rows, columns), dtype=np.int64)
    real = np.zeros((rows, columns), dtype=bool)
    inside = np.zeros((rows, columns), dtype=bool)
    hashes = np.zeros((rows, max(len(w.hashes) for w in words), N_FEATURES), dtype=np.int64)
    known = np.zeros(hashes.shape[:2], dtype=bool)
    word_of, pieces = np.zeros((2, rows, columns), dtype=np.int64)
    for row, (prompt, of_text) in enumerate(zip(prompts, words, strict=True)):
        ids[row, : len(prompt.trunk)] = prompt.trunk
        real[row, : len(prompt.trunk)] = True
        text = slice(prompt.text_start, prompt.text_start + len(prompt.encoded.ids))
        inside[row, text] = True
        hashes[row, : len(of_text.hashes)] = of_text.hashes
        known[row, : len(of_text.hashes)] = True
        word_of[row, text] = of_text.of_token
        pieces[row, text] = of_text.pieces
    return PointingBatch(ids, real, hashes, known, word_of, pieces, inside)


def seen(real: Bools, bidirectional: bool) -> Bools:
    """[texts, columns, columns], which tokens see which: all of a text, or those before them.
    Padding sees itself, so that no row is masked whole."""
    columns = real.shape[1]
    allowed = real[:, None, :] & real[:, :, None]
    if not bidirectional:
        allowed &= np.tri(columns, dtype=bool)
    return allowed | np.eye(columns, dtype=bool)
