"""Training state on disk; a kill or a full disk leaves the last good one."""

import json
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


def keep_request(path: Path, request: dict[str, Any]) -> None:
    """Writes what a folder's run is asked for. Raises ValueError where another run was begun."""
    wanted = json.loads(json.dumps(request))
    if path.exists():
        begun = json.loads(path.read_text(encoding="utf8"))
        if begun != wanted:
            names = [name for name in wanted if begun.get(name) != wanted[name]]
            raise ValueError(
                f"{path.parent} has another run ({', '.join(names)} differ): give another output"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf8")


def last_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """The newest whole checkpoint of transformers' Trainer in a folder, with its step.

    The Trainer writes `trainer_state.json` last: without it, or with half of it, a checkpoint was
    cut off.
    """
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf8"))
            found.append((int(state["global_step"]), path))
        except (OSError, ValueError, KeyError):
            continue
    if not found:
        return None
    step, path = max(found)
    return path, step
