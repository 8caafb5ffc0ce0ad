"""Training state on disk, replaced as a whole so that a kill leaves the last good one."""

import os
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes beside `path`, then renames over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    torch.save(state, fresh)
    os.replace(fresh, path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state, or None where there is no checkpoint yet. Loads tensors and plain data only."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None
