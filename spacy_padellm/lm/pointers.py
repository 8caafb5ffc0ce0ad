"""Pointers: for each label, the probability that a mention begins, and ends, at each token.

Two forms on the hidden states of a language model, as span models have them (Li et al., A
unified MRC framework for NER, 2020): every token and every label is a target, where a count
and the i-th mention are a few a text. All mentions of all labels are found in one pass, and
labels, encoded apart from texts, cost nothing a text.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .session import AskedLabels
from .word_encoder import WordEncoder

RARE = -4.0  # logit of a mention before anything is learned: one token in fifty


class Pointers(nn.Module):
    """hidden: width of the language model. labels: those that have vectors of their own, which
    are learned beside what the model makes of the label's prompt; others are asked for by the
    prompt alone. width, depth: of the `WordEncoder`.
    """

    def __init__(
        self, hidden: int, labels: Sequence[str] = (), width: int = 96, depth: int = 4
    ) -> None:
        super().__init__()
        self.hidden, self.labels = hidden, tuple(labels)
        self.words = WordEncoder(width, depth)
        self.pieces = nn.Embedding(4, width)  # of a word: first, last, only one, other tokens
        self.into = nn.Linear(width, hidden)
        nn.init.zeros_(self.into.weight)  # at first the model reads what it was trained on
        nn.init.zeros_(self.into.bias)
        size = hidden + width
        self.size = size
        self.norm = nn.LayerNorm(size)
        self.label_norm = nn.LayerNorm(hidden)
        self.query = nn.Linear(hidden, 2 * size)
        nn.init.zeros_(self.query.weight)  # at first the labels' own vectors alone
        nn.init.zeros_(self.query.bias)
        self.own = nn.Embedding(max(len(self.labels), 1), 2 * size)
        nn.init.uniform_(self.own.weight, -(size**-0.5), size**-0.5)
        self.bias = nn.Embedding(max(len(self.labels), 1), 2)
        nn.init.zeros_(self.bias.weight)
        self.rare = nn.Parameter(torch.full((2,), RARE))
        self.kept: dict[AskedLabels, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def config(self) -> dict[str, object]:
        """What `Pointers` is made anew from."""
        words = self.words
        return {
            "hidden": self.hidden,
            "labels": list(self.labels),
            "width": words.width,
            "depth": len(words.layers),
        }

    def train(self, mode: bool = True) -> "Pointers":
        if mode:
            self.kept.clear()  # queries of labels, made with weights that are about to change
        return super().train(mode)

    def queries(
        self, hidden: torch.Tensor, labels: Sequence[str]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """hidden: [labels, hidden], at the end of each label's prompt. Returns what tokens are
        compared with, [labels, 2, size], and biases, [labels, 2]."""
        known = torch.tensor([label in self.labels for label in labels], device=hidden.device)
        at = [self.labels.index(label) if label in self.labels else 0 for label in labels]
        index = torch.tensor(at, device=hidden.device)
        asked = self.query(self.label_norm(hidden))
        asked = asked + self.own(index) * known[:, None]
        bias = self.rare + self.bias(index) * known[:, None]
        return asked.unflatten(-1, (2, self.size)), bias

    def scores(
        self,
        hidden: torch.Tensor,
        words: torch.Tensor,
        queries: tuple[torch.Tensor, torch.Tensor],
        drop: float = 0.0,
    ) -> torch.Tensor:
        """Logits [..., 2, labels]. hidden: [..., hidden]; words: [..., width], both of tokens."""
        keys = F.dropout(self.norm(torch.cat([hidden, words], -1)), drop)
        asked, bias = queries
        flat = keys @ asked.reshape(-1, self.size).T
        return flat.unflatten(-1, (len(asked), 2)).transpose(-1, -2) + bias.T
