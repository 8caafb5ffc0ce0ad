"""Training state on disk; a kill, a full disk or a damaged file leaves the last good one."""

import json
import logging
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from ..atomic import whole_file, write_whole
from ..formats.json_text import write_json
from ..logs import first_line

logger = logging.getLogger(__name__)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes it whole; the one before stays, as `NAME.previous.pt`."""
    with whole_file(path, previous=_named(path, "previous")) as fresh:
        torch.save(state, fresh)


def load_checkpoint(path: Path, needs: Collection[str] = ()) -> dict[str, Any] | None:
    """The state, or None where there is no checkpoint yet; of a damaged one, that before it, which
    takes its place. Loads tensors and plain data only.

    needs: keys of the state, without which it is damaged.

    Raises ValueError where there is a damaged one and none before it.
    """
    previous, damaged = _named(path, "previous"), _named(path, "damaged")
    wrong: dict[str, Exception] = {}
    for file in (path, previous):
        if not file.exists():
            continue
        try:
            state = _load(file, needs)
        except Exception as error:  # torch raises whatever the bytes lead to
            wrong[file.name] = error
            continue
        if file == previous:
            if wrong:
                path.replace(damaged)
                logger.warning(
                    "%s is damaged (%s), and is now called %s: going on from the one before",
                    *(path, first_line(wrong[path.name]), damaged.name),
                )
            previous.replace(path)
        return state
    if wrong:
        what = " and ".join(f"{name} ({first_line(error)})" for name, error in wrong.items())
        raise ValueError(
            f"the checkpoint in {path.parent} is damaged: {what}. Remove it to begin anew"
        )
    return None


def check_archive(path: Path) -> None:
    """Of what `torch.save` writes, whose checksums torch itself does not look at.

    Raises ValueError where it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise ValueError(f"it is cut off, or none at all: {error}") from error
    if bad is not None:
        raise ValueError("its bytes are not those that were written")


def keep_request(path: Path, request: dict[str, Any]) -> None:
    """Writes what a folder's run is asked for. Raises ValueError where another run was begun."""
    wanted = json.loads(json.dumps(request))
    if path.exists():
        try:
            begun = json.loads(path.read_text(encoding="utf8"))
        except ValueError as error:
            begun = error
        if not isinstance(begun, dict):
            raise ValueError(
                f"{path} is damaged, so that nothing says which run was begun here: give another "
                f"output, or remove the file if this is the same command"
            )
        if begun != wanted:
            names = [name for name in wanted if begun.get(name) != wanted[name]]
            raise ValueError(
                f"{path.parent} has another run ({', '.join(names)} differ): give another output"
            )
        return
    write_whole(path, json.dumps(wanted, indent=1) + "\n")


def write_log(folder: Path, log: list[Any]) -> None:
    """The entries of a run's log, as `log.json`."""
    write_whole(folder / "log.json", write_json(log, indent=1) + "\n")


def _load(path: Path, needs: Collection[str]) -> dict[str, Any]:
    check_archive(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not set(needs) <= state.keys():
        raise ValueError("it holds something else")
    return state


def _named(path: Path, what: str) -> Path:
    return path.with_name(f"{path.stem}.{what}{path.suffix}")
