"""What a cell leaves in its folder, and whose that is."""

import json
import shutil
from pathlib import Path
from typing import Any

from spacy_padellm.atomic import REQUEST, read_claim, write_whole

from .cells import Cell
from .origin import Origin

MODEL = "model"
TUNED = "tuned.json"  # what training took, beside the model; written when that is whole
CHECKPOINTS = "train"
FOUND = "found.jsonl"  # of a model, in the test texts


def has_model(folder: Path) -> bool:
    return (folder / MODEL).is_dir() and (folder / TUNED).exists()


def check_model(folder: Path, cell: Cell) -> None:
    """Raises ValueError where a cell has no model, which its latency needs."""
    if not has_model(folder):
        raise ValueError(
            f"{cell} has no model any more, so that its latency cannot be measured: give another "
            f"--output, with all formats at once, or --keep-models; or --skip-latency"
        )


def check_begun(folder: Path, cell: Cell, origin: Origin) -> None:
    """Raises ValueError where a folder has anything half done, or a model, that is of another
    origin, or of which nothing says what it is of."""
    if not any((folder / name).exists() for name in (MODEL, CHECKPOINTS, FOUND)):
        return
    begun, wanted = read_claim(folder) or {}, _request(cell, origin)
    if begun == wanted:
        return
    had, now = begun.get("origin") or {}, wanted["origin"]
    changed = [key for key in now if had.get(key) != now[key]]
    said = ", ".join(f"{key} {had[key]}" for key in changed if key in had)
    raise ValueError(
        f"{cell} was begun with {said or 'nothing that says how'}: give another --output, or "
        f"remove {folder}"
    )


def claim_folder(folder: Path, cell: Cell, origin: Origin) -> None:
    """Says whose all is that is left in the folder from now on. Raises as `check_begun`."""
    check_begun(folder, cell, origin)
    write_whole(folder / REQUEST, json.dumps(_request(cell, origin), indent=1) + "\n")


def remove_model(folder: Path) -> None:
    """With all that was made of it or for it. Killed amid this, it leaves no model that passes for
    a whole one."""
    for name in (TUNED, FOUND):
        (folder / name).unlink(missing_ok=True)
    for name in (MODEL, CHECKPOINTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / REQUEST).unlink(missing_ok=True)


def _request(cell: Cell, origin: Origin) -> dict[str, Any]:
    """As it is read again."""
    found: dict[str, Any] = json.loads(json.dumps({"cell": str(cell), "origin": origin}))
    return found
