"""Where a model runs and in what precision, from the settings `device` and `dtype`."""

from typing import Literal

import torch


def find_device(device: str) -> torch.device:
    """Raises ValueError for a device that is not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"the model setting `device` is {device!r}, and this device is not there "
            f"({str(error).splitlines()[0][:80]}): use 'auto' or 'cpu'"
        ) from error
    return found


def find_dtype(dtype: str, device: torch.device) -> torch.dtype | Literal["auto"]:
    """Raises ValueError for a name that is no floating dtype."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if dtype not in ("float64", "float32", "bfloat16", "float16"):
        raise ValueError(
            f"the model setting `dtype` is {dtype!r}: use 'auto', 'float32', 'bfloat16' or "
            f"'float16'"
        )
    return getattr(torch, dtype)
