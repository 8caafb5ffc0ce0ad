"""What results were measured with: processor, versions, the state of the code."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("spacy", "thinc", "numpy", "torch", "transformers", "peft")
# Numerical libraries read these once, when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS")


def threads(n: int) -> dict[str, str]:
    """Variables of the environment for a process that is to have so many."""
    return dict.fromkeys(_THREADS, str(n))


@cache
def describe() -> dict[str, Any]:
    return {
        "processor": _processor(),
        **({"accelerator": name} if (name := _accelerator()) else {}),
        "cores": os.cpu_count(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count(),
        "python": platform.python_version(),
        **{name: version for name in PACKAGES if (version := _version(name))},
        "commit": _commit(),
    }


def say_machines(records: Iterable[dict[str, Any]]) -> list[str]:
    """Each that results were measured with, in a line."""
    said = (
        ", ".join(f"{key} {value}" for key, value in record["machine"].items())
        for record in records
    )
    return list(dict.fromkeys(said))


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _accelerator() -> str:
    """The first one, as torch names it; "" where there is none."""
    try:
        import torch
    except ImportError:
        return ""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    """Of the code, with a "+" if it has changed since; "" where git knows nothing of it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()
