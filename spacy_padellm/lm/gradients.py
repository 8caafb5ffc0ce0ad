"""Gradients in whatever mode of torch a caller is."""

import contextlib
import sys
from collections.abc import Iterator

from ..extras import need


@contextlib.contextmanager
def gradients_on(what: str = "training") -> Iterator[None]:
    """Weights that are made here can be trained, and losses have gradients, also inside of
    `torch.no_grad()` and `torch.inference_mode()`. As a decorator, too. what: is done so. Raises
    NotInstalledError where torch is not installed."""
    if "torch" not in sys.modules:  # else whoever imported it has asked, and each step comes here
        need("torch", what)
    import torch  # where something is to be trained: who only decodes may have none

    with torch.inference_mode(False), torch.enable_grad():
        yield
