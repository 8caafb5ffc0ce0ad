"""Dropout behind attention and MLP of every layer, while a model trains.

Causal LMs of today are made without it, since they see each text once; a few hundred sentences
are seen often.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import nn

_ATTENTION = ("self_attn", "attn")


@contextlib.contextmanager
def residual_dropout(decoder: nn.Module, drop: float) -> Iterator[None]:
    """decoder: a transformer of layers with `self_attn` or `attn`, and `mlp`; another is left as
    it is. drop: the part of each output that is set to 0."""

    def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (F.dropout(output[0], drop), *output[1:])
        return F.dropout(output, drop)

    layers = getattr(decoder, "layers", None) or getattr(decoder, "h", None) or ()
    hooks = []
    for layer in layers if drop else ():
        parts = [getattr(layer, name) for name in _ATTENTION if hasattr(layer, name)]
        if parts and hasattr(layer, "mlp"):  # what each of them says is added to what it read
            hooks += [part.register_forward_hook(hook) for part in (*parts, layer.mlp)]
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()
