"""An exported model to another folder: its files, with what it is asked now."""

import os
import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...atomic import check_owner, whole_folder
from ...lm.onnx.model import OnnxModel
from ..loaded_model import LoadedModel
from ..model_settings import SETTINGS_FILE
from ..place import ModelPlace
from .description import read_description

_FILES = (".json", ".safetensors", ".onnx", ".txt", ".model", ".jinja")
_TOKENIZER = ("tokenizer", "special_tokens", "added_tokens", "vocab", "merges", "spiece")


def replace_exported(loaded: LoadedModel[OnnxModel], folder: Path, mode: str) -> None:
    """As `save.replace_model`. Raises ValueError for a folder that holds something else, and where
    another export is by now in the folder that the model was read from."""
    check_owner(folder, SETTINGS_FILE)
    with whole_folder(folder) as fresh:
        whole = mode == "full"
        _check_edition(loaded.lm)
        for path in sorted(loaded.lm.folder.iterdir()):
            taken = path.suffix in _FILES if whole else path.name.startswith(_TOKENIZER)
            if path.is_file() and taken and path.name != SETTINGS_FILE:
                shutil.copyfile(path, fresh / path.name)
        _check_edition(loaded.lm)  # what was there before and is there now was copied
        source = loaded.source
        base = None if whole else {"name": source.name, "revision": source.revision}
        replace(loaded.settings, template=loaded.template).write(fresh, base)


def _check_edition(lm: OnnxModel) -> None:
    described = read_description(ModelPlace(str(lm.folder), lm.folder))
    if described is None or (described.edition or "") != lm.body.edition:
        raise ValueError(
            f"{lm.folder} does not hold the export any more that was read from it, and is to be "
            f"saved: load the model again"
        )


class KeptFolder:
    """A temporary folder that is there as long as this is."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="padellm-"))
        self.remove = weakref.finalize(self, _remove, self.path, os.getpid())

    def __reduce__(self) -> tuple[Any, ...]:
        """It stays with the process that made it."""
        return _nothing, ()


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # a forked process leaves it to its parent
        shutil.rmtree(path, ignore_errors=True)


def _nothing() -> None:
    return None
