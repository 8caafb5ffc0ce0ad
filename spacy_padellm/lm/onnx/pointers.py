"""Pointers in numpy: what labels are compared with, and the probabilities of each token."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...prompts.tree import Ints
from ..pointing_batch import PointingBatch
from .graph import Graph
from .products import compare

HASHES, WORDS, VECTORS = "hashes", "words", "vectors"  # of the graph of words
Queries = tuple[np.ndarray, np.ndarray]


class OnnxPointers:
    """As `lm.pointers.Pointers`. words: graph of the `WordEncoder`. weights: of the pointers, by
    their names in it."""

    def __init__(
        self, words: Graph, weights: Mapping[str, np.ndarray], labels: Sequence[str]
    ) -> None:
        self.words = words
        self.weights = dict(weights)
        self.labels = tuple(labels)

    def of_tokens(self, batch: PointingBatch[np.ndarray]) -> np.ndarray:
        """What is known of each token's word, [texts, columns, width]; 0 outside of the text."""
        (vectors,) = self.words.run([VECTORS], {HASHES: batch.hashes, WORDS: batch.words})
        rows = np.arange(len(vectors))[:, None]
        of_token = vectors[rows, batch.word_of] + self.weights["pieces.weight"][batch.pieces]
        return of_token * batch.inside[..., None]

    def added(self, of_token: np.ndarray) -> np.ndarray:
        """What is added to the embeddings of tokens."""
        return self._linear("into", of_token)

    def queries(self, hidden: np.ndarray, labels: Sequence[str]) -> Queries:
        """hidden: [labels, hidden], at the end of each label's prompt. Returns what tokens are
        compared with, [labels * 2, size], and biases, [labels * 2]."""
        known = np.array([label in self.labels for label in labels], dtype=np.float32)[:, None]
        at: Ints = np.array(
            [self.labels.index(label) if label in self.labels else 0 for label in labels],
            dtype=np.int64,
        )
        weights = self.weights
        asked = self._linear("query", self._norm("label_norm", hidden))
        asked = asked + weights["own.weight"][at] * known
        bias = weights["rare"] + weights["bias.weight"][at] * known
        return asked.reshape(2 * len(labels), -1), bias.reshape(-1)

    def probabilities(
        self, hidden: np.ndarray, of_token: np.ndarray, queries: Queries
    ) -> np.ndarray:
        """[tokens, 2, labels]. hidden: [tokens, hidden]; of_token: [tokens, width]."""
        asked, bias = queries
        keys = self._norm("norm", np.concatenate([hidden, of_token], axis=-1))
        logits = (compare(keys, asked) + bias).reshape(len(keys), len(bias) // 2, 2)
        return _sigmoid(logits.transpose(0, 2, 1))

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return compare(x, self.weights[f"{name}.weight"]) + self.weights[f"{name}.bias"]

    def _norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(1e-5))
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Without overflow on either side."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)
