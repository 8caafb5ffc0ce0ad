"""What a model runs on and how: the settings. What they name is in `devices`, which needs torch."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..extras import has
from ..spans.numeric import check_types

if TYPE_CHECKING:  # an exported model runs without
    import torch

# One of them is there where an accelerator may be.
_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd", "/dev/dri/renderD128")
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
        if self.runtime == "onnx" and (other := self.asks_for_torch):
            raise ValueError(
                f"the model setting `runtime` is 'onnx', which runs on a CPU in float32, and "
                f"{other} asks for torch: set runtime to 'auto', or leave {other} out"
            )
        if self.compile and self.device_map is not None:
            raise ValueError(
                "the model settings compile and device_map exclude each other: set device_map to "
                "null, or compile to false"
            )

    @property
    def asks_for_torch(self) -> str:
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
        if self.asks_for_torch:
            return False
        # torch takes seconds to import, where no accelerator can be.
        return self.device == "cpu" or not _may_have_accelerator() or self._is_on_cpu()

    def _is_on_cpu(self) -> bool:
        return self.find_first().type == "cpu"

    @property
    def bits(self) -> int | None:
        """Of a base that bitsandbytes loads in few bits."""
        return {"8bit": 8, "4bit": 4}.get(self.quantize or "")

    def find_first(self) -> "torch.device":
        """Where the model is, or its first copy. Raises ValueError where there is none."""
        from .devices import find_device

        if self.devices:
            return find_device(self.devices[0], "devices")
        return find_device(self.device)


def _may_have_accelerator() -> bool:
    """Without asking torch, which alone uses them. On macOS and Windows, which have no files of
    drivers, there may always be one."""
    is_linux = sys.platform.startswith("linux")
    return (not is_linux or any(Path(name).exists() for name in _DRIVERS)) and has("torch")
