"""What a model runs on and how: the settings, the devices and dtypes they name, and forks."""

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..logs import first_line
from ..spans.numeric import check_types

logger = logging.getLogger(__name__)
QUANTIZATIONS = (None, "int8", "8bit", "4bit")
RUNTIMES = ("auto", "torch", "onnx")


@dataclass(frozen=True)
class Hardware:
    """Where and how a model runs, under the names of `build_causal_lm`. Raises ValueError for a
    setting of another type, and for settings that exclude each other."""

    device: str = "auto"
    dtype: str = "auto"
    devices: Sequence[str] = ()
    device_map: str | None = None
    quantize: str | None = None
    compile: bool = False
    runtime: str = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.devices, str):
            raise ValueError(f"the model setting `devices` is a list: use [{self.devices!r}]")
        object.__setattr__(self, "devices", () if self.devices is None else self.devices)
        check_types(self, "the model setting `{}`")
        object.__setattr__(self, "devices", tuple(self.devices))
        where = {
            "device": self.device != "auto",
            "devices": bool(self.devices),
            "device_map": self.device_map is not None,
        }
        chosen = [name for name, is_set in where.items() if is_set]
        if len(chosen) > 1:
            raise ValueError(
                f"the model settings {' and '.join(chosen)} exclude each other: set all but one "
                f"to null (device to 'auto')"
            )
        if self.quantize not in QUANTIZATIONS:
            raise ValueError(
                f"the model setting `quantize` is {self.quantize!r}: use 'int8' (decoding on any "
                f"device), '8bit' or '4bit' (bitsandbytes), or null"
            )
        if self.runtime not in RUNTIMES:
            raise ValueError(
                f"the model setting `runtime` is {self.runtime!r}: use 'auto', 'torch' or 'onnx'"
            )
        if self.runtime == "onnx" and (other := self._asks_for_torch()):
            raise ValueError(
                f"the model setting `runtime` is 'onnx', which runs on a CPU in float32, and "
                f"{other} asks for torch: set runtime to 'auto', or leave {other} out"
            )
        if self.compile and self.device_map is not None:
            raise ValueError(
                "the model settings compile and device_map exclude each other: set device_map to "
                "null, or compile to false"
            )

    def _asks_for_torch(self) -> str:
        """The first setting that only torch can follow; "" where there is none."""
        asked = {
            "device": self.device not in ("auto", "cpu"),
            "devices": bool(self.devices),
            "device_map": self.device_map is not None,
            "dtype": self.dtype not in ("auto", "float32"),
            "quantize": self.quantize is not None,
            "compile": self.compile,
        }
        return next((name for name, is_set in asked.items() if is_set), "")

    @property
    def takes_onnx(self) -> bool:
        """Whether an exported model is run by onnxruntime: as `runtime` says, and with "auto"
        where it would run on a CPU."""
        if self.runtime != "auto":
            return self.runtime == "onnx"
        return not self._asks_for_torch() and self.find_first().type == "cpu"

    @property
    def bits(self) -> int | None:
        """Of a base that bitsandbytes loads in few bits."""
        return {"8bit": 8, "4bit": 4}.get(self.quantize or "")

    def find_first(self) -> torch.device:
        """Where the model is, or its first copy. Raises ValueError where there is none."""
        if self.devices:
            return find_device(self.devices[0], "devices")
        return find_device(self.device)


def find_device(device: str, setting: str = "device") -> torch.device:
    """Raises ValueError, naming the setting, for a device that is not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
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


def is_cpu_fast_in_bfloat16() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 faster than in float32."""
    get = getattr(torch.cpu, "get_capabilities", None)
    known: dict[str, Any] = get() if get else {}
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))


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
