"""Dropout behind attention and MLP of every layer, while a model trains.

Causal LMs of today are made without it, since they see each text once; a few hundred sentences
are seen often.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import nn

_PARTS = ("self_attn", "attn", "attention", "mlp", "feed_forward")


@contextlib.contextmanager
def residual_dropout(decoder: nn.Module, drop: float) -> Iterator[None]:
    """decoder: a transformer with a list of layers; one that has none is left as it is. drop:
    the part of each output that is set to 0."""

    def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (F.dropout(output[0], drop), *output[1:])
        return F.dropout(output, drop)

    layers = getattr(decoder, "layers", None) or getattr(decoder, "h", None) or ()
    parts = [getattr(layer, name, None) for layer in layers for name in _PARTS]
    hooks = [part.register_forward_hook(hook) for part in parts if part is not None and drop]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()
