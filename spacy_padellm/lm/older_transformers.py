"""What older releases of transformers lack or name otherwise, in one place: from 5.0 on.

Other packages hold transformers back, and people install this one beside them. Where a release has
a thing itself, that is used. GGUF files take a newer one (the extra `gguf`).
"""

from dataclasses import fields
from typing import Any

import torch
import transformers
from transformers.cache_utils import StaticLayer

# Where there is one, weights of a GGUF file may stay packed unless it says otherwise.
GgufConfig: Any = getattr(transformers, "GgufConfig", None)


def checkpointing_name() -> str:
    """Of the argument of `TrainingArguments` that saves memory by computing activations twice."""
    names = {field.name for field in fields(transformers.TrainingArguments)}
    name = "activation_checkpointing"
    return name if name in names else "gradient_checkpointing"


def static_layer(columns: int) -> Any:
    """A layer of a cache of fixed size, which writes behind what it holds already.

    `cumulative_length`, a tensor, says how many columns that are (from 5.4).
    """
    layer: Any = StaticLayer(columns)
    return layer if hasattr(layer, "cumulative_length") else _CountingLayer(columns)


class _CountingLayer(StaticLayer):
    """Before 5.4 a model said where to write, and counted columns that are not zero."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.cumulative_length = torch.tensor(0)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self.cumulative_length = self.cumulative_length.to(key_states.device)
        if not torch.compiler.is_compiling():
            torch._dynamo.mark_static_address(self.cumulative_length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        new = key_states.shape[-2]
        at = torch.arange(new, device=self.keys.device) + self.cumulative_length
        self.cumulative_length.add_(new)  # in place: its address is known to graphs
        self.keys.index_copy_(2, at, key_states)
        self.values.index_copy_(2, at, value_states)
        return self.keys, self.values

    def get_seq_length(self, *args: Any) -> int:
        """Only for positions and masks, which every pass brings along: a number that does not
        change, for which nothing is compiled anew."""
        return 0
