"""Dropout behind attention and MLP of every layer, while a model trains.

Causal LMs of today are made without it, since they see each text once; a few hundred sentences
are seen often. Dropout that a model has of its own, as encoders do, is set to the same.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import nn

_ATTENTION = ("self_attn", "attn")
_ADAPTER = "lora_"  # in the names of peft's modules


@contextlib.contextmanager
def residual_dropout(decoder: nn.Module, drop: float) -> Iterator[None]:
    """decoder: a transformer of layers with `self_attn` or `attn`, and `mlp`; another has but what
    modules of dropout it was made with. drop: the part of each output that is set to 0. Dropout of
    adapters is their own."""

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
    own = [
        module
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Dropout) and _ADAPTER not in name
    ]
    before = [module.p for module in own]
    for module in own:
        module.p = 0.0 if hooks else drop
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()
        for module, p in zip(own, before, strict=True):
            module.p = p
