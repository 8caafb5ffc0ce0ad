"""Training in bfloat16 where that is enough: autocast, heeded by adapters, too."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .bfloat16_probe import is_cpu_fast_in_bfloat16


def is_fast_in_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices in bfloat16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and is_cpu_fast_in_bfloat16()


@contextlib.contextmanager
def autocast(model: nn.Module, device: torch.device, enabled: bool) -> Iterator[None]:
    """bfloat16 autocast over a model that may have adapters on it."""
    if not enabled:
        yield
        return
    with adapters_uncast(model), torch.autocast(device.type, torch.bfloat16):
        yield


def adapters_uncast(model: nn.Module) -> contextlib.AbstractContextManager[Any]:
    """peft's layers take what they are given. By themselves they cast it to the float32 of their
    weights, and autocast casts it back."""
    if not any(hasattr(module, "cast_input_dtype_enabled") for module in model.modules()):
        return contextlib.nullcontext()
    from peft.helpers import disable_input_dtype_casting  # seconds, which others need not wait for

    return disable_input_dtype_casting(model)
