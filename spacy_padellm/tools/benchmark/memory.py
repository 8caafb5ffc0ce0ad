"""Peak memory of a stretch of work: of the accelerator where the model is on one, else of the
process."""

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an exported model runs without
    import torch


def reset_peak(device: "torch.device") -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):  # Linux; elsewhere there is no figure
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes(device: "torch.device") -> float | None:
    """MiB since `reset_peak`; None where the platform does not tell."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None
