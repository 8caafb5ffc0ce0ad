"""Devices and dtypes of torch that settings name, and forks of what runs on them."""

import logging
import os
from collections.abc import Iterable
from typing import Literal

import torch

from ..logs import first_line
from .bfloat16_probe import is_cpu_fast_in_bfloat16

logger = logging.getLogger(__name__)


def find_device(device: str, setting: str = "device") -> torch.device:
    """Raises ValueError, naming the setting, for a device that is not there, or is no device."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        value = f"is {device!r}" if setting == "device" else f"has {device!r} in it"
        mend = "use 'auto' or 'cpu'" if setting == "device" else "leave it out, or set it to null"
        raise ValueError(
            f"the model setting `{setting}` {value}, and this device is not there "
            f"({first_line(error)}): {mend}"
        ) from error
    return found


def find_dtype(
    dtype: str, device: torch.device, saved: object = None
) -> torch.dtype | Literal["auto"]:
    """saved: the dtype of the checkpoint, which "auto" takes; on a CPU only where that is bfloat16
    and the CPU is fast in it, else float32. Raises ValueError for a name that is no floating
    dtype."""
    if dtype == "auto":
        if device.type != "cpu":
            return "auto"
        is_fast = saved in (torch.bfloat16, "bfloat16") and is_cpu_fast_in_bfloat16()
        return torch.bfloat16 if is_fast else torch.float32
    if dtype not in ("float64", "float32", "bfloat16", "float16"):
        raise ValueError(
            f"the model setting `dtype` is {dtype!r}: use 'auto', 'float32', 'bfloat16' or "
            f"'float16'"
        )
    return getattr(torch, dtype)


def check_fork(loaded_in: int, devices: Iterable[torch.device]) -> None:
    """Makes a forked worker (`nlp.pipe(n_process=2)`) of the process `loaded_in`, where the model
    was loaded, safe: neither threads nor accelerators survive a fork. Raises RuntimeError where the
    model is on an accelerator."""
    if os.getpid() == loaded_in:
        return
    elsewhere = [device for device in devices if device.type != "cpu"]
    if elsewhere:
        raise RuntimeError(
            f"the model is on {elsewhere[0]} and cannot be used in forked workers: "
            f"use n_process=1 (a larger batch_size keeps the device busy)"
        )
    if torch.get_num_threads() > 1:
        logger.warning(
            "process %d is a forked worker (n_process > 1): torch runs with one thread in it",
            os.getpid(),
        )
        torch.set_num_threads(1)
