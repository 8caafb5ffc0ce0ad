"""The form in which attention is computed while a model trains."""

import contextlib
from collections.abc import Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PLAIN = SDPBackend.MATH


@contextlib.contextmanager
def plain_attention(wanted: bool) -> Iterator[None]:
    """Attention as matrix products, where `wanted` and gradients are taken.

    On a CPU the backward pass of torch's fused attention is several times slower than these, for
    texts of some hundred tokens. Not for activations that are computed again in the backward
    pass, which happens outside of this and has to save the same tensors.
    """
    if not (wanted and torch.is_grad_enabled()):
        yield
        return
    with sdpa_kernel(PLAIN):
        yield
