"""Gradients in whatever mode of torch a caller is."""

import contextlib
from collections.abc import Iterator

from ..extras import need


@contextlib.contextmanager
def gradients_on(what: str = "training") -> Iterator[None]:
    """Weights that are made here can be trained, and losses have gradients, also inside of
    `torch.no_grad()` and `torch.inference_mode()`. As a decorator, too. what: is done so. Raises
    NotInstalledError where torch is not installed."""
    need("torch", what)
    import torch  # where something is to be trained: who only decodes may have none

    with torch.inference_mode(False), torch.enable_grad():
        yield
