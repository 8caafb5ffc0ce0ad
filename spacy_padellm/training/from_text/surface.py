"""What a token looks like, as part of its embedding, for models made from scratch.

A small corpus shows most names seldom. While a model trains, the embedding of a token is the sum
of its own vector and of vectors that it shares: with tokens of the same letters in other case,
of the same shape, beginning or ending. Afterwards the sum is the embedding, and the model is a
plain causal LM. The features are those of spaCy's `MultiHashEmbed` (NORM, SHAPE, PREFIX, SUFFIX).
"""

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ...lm.language_model import LanguageModel

Feature = Callable[[str], Hashable]


def shape(token: str) -> tuple[bool, str]:
    """Whether a word begins here, and the kinds of its first four characters."""
    kinds = [
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else "o"
        for c in token.strip()[:4]
    ]
    return token[:1] == " ", "".join(kinds)


FEATURES: tuple[Feature, ...] = (
    lambda token: token.strip().lower(),
    shape,
    lambda token: (token[:1] == " ", token.strip()[:1]),
    lambda token: token[-3:].lower(),
)


class SurfaceFeatures(nn.Module):
    """The embedding of every token with what it shares with others, [vocabulary, width].

    Input and output embeddings have the same weights, as `tie_word_embeddings` says, before,
    while and after they are inside a `with` block of this module.

    Raises ValueError for a model whose input and output embeddings differ, or are no plain ones.
    """

    def __init__(self, lm: LanguageModel, features: tuple[Feature, ...] = FEATURES) -> None:
        super().__init__()
        model = lm.model
        self._embeddings: list[Any] = [model.get_input_embeddings(), model.get_output_embeddings()]
        plain = (nn.Embedding, nn.Linear)
        if any(type(e) is not kind for e, kind in zip(self._embeddings, plain, strict=True)):
            raise ValueError(f"{lm.name}: surface features need plain embeddings and a plain head")
        weight = self._embeddings[0].weight
        if self._embeddings[1].weight is not weight:
            raise ValueError(f"{lm.name}: surface features need tie_word_embeddings = true")
        ids = range(len(weight))
        tokens = lm.tokenizer.convert_ids_to_tokens(ids)
        strings = [lm.tokenizer.convert_tokens_to_string([token]) for token in tokens]
        self.tables = nn.ModuleList()
        for number, feature in enumerate(features):
            values = [feature(string) for string in strings]
            known = {value: i for i, value in enumerate(dict.fromkeys(values))}
            places = torch.tensor([known[value] for value in values], device=weight.device)
            self.register_buffer(f"places{number}", places, persistent=False)
            table = nn.Embedding(len(known), weight.shape[1], device=weight.device)
            nn.init.normal_(table.weight, std=float(weight.detach().std()))
            self.tables.append(table)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return self._add(weight, slice(None))

    def _add(self, rows: torch.Tensor, ids: torch.Tensor | slice) -> torch.Tensor:
        for number, table in enumerate(self.tables):
            rows = rows + table(getattr(self, f"places{number}")[ids])
        return rows

    def rows_of(self, ids: torch.Tensor) -> torch.Tensor:
        """Of some tokens (`lm.head.MadeHead`): a batch has few of the vocabulary."""
        own = self._embeddings[0].parametrizations.weight.original
        return self._add(own[ids], ids)

    def _embed(self, ids: torch.Tensor) -> torch.Tensor:
        distinct, places = torch.unique(ids, return_inverse=True)
        return self.rows_of(distinct)[places]

    def __enter__(self) -> "SurfaceFeatures":
        for embedding in self._embeddings:
            parametrize.register_parametrization(embedding, "weight", self)
        self._embeddings[0].forward = self._embed
        self._embeddings[1].rows_of = self.rows_of
        return self

    def __exit__(self, *_: Any) -> None:
        del self._embeddings[0].forward, self._embeddings[1].rows_of
        # Both have one tensor below: the sum that the first leaves there is the second's, too.
        for embedding, leave in zip(self._embeddings, (True, False), strict=True):
            parametrize.remove_parametrizations(embedding, "weight", leave_parametrized=leave)
