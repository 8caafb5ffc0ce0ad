"""Models to disk, in full or as an adapter with a reference to its base; and into bytes."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import srsly

from ..atomic import whole_folder
from ..lm.language_model import LanguageModel
from .adapters import base_weights, save_adapter
from .load import no_progress_bars
from .loaded_model import LoadedModel
from .model_settings import SETTINGS_FILE
from .place import IN_THE_BOX
from .pointer_files import save_pointers

SaveMode = Literal["full", "reference"]
SAVE_MODES = ("auto", "full", "reference")
BASE_FOLDER = "base"
# Bytes end up in one msgpack string, which holds 4 GiB at most, together with the vocab.
MAX_BYTES = 2 * 1024**3


def save_model(loaded: LoadedModel[LanguageModel], folder: Path, mode: SaveMode) -> None:
    """Writes a folder that `load_model` reads from anywhere; the tokenizer is always in it.

    "full": all weights (safetensors); an adapter is kept apart, with its base in `base/`.
    "reference": the name of the base, and the adapter where there is one.

    Raises ValueError for another mode.
    """
    if mode not in ("full", "reference"):
        raise ValueError(f"save_mode must be 'full' or 'reference', not {mode!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with no_progress_bars():
        base = _save_weights(loaded, folder, mode)
    if loaded.lm.pointers is not None:
        save_pointers(loaded.lm.pointers, folder)
    loaded.lm.tokenizer.save_pretrained(folder)
    replace(loaded.settings, template=loaded.template, base=base).write(folder)


def _save_weights(
    loaded: LoadedModel[LanguageModel], folder: Path, mode: SaveMode
) -> dict[str, str | None] | None:
    """Returns the base that the folder refers to, if any."""
    adapter = loaded.lm.adapter
    if loaded.lm.quantized and mode == "full":
        raise ValueError(
            "a quantised model cannot be saved: set model.quantize to null to save it, and to "
            "'int8' where it is loaded"
        )
    if mode == "reference":
        source = loaded.source
        if adapter:
            save_adapter(loaded.lm, adapter, folder, source.name)
        return {"name": source.name, "revision": source.revision}
    if adapter:
        base = folder / BASE_FOLDER
        loaded.lm.base.save_pretrained(base, state_dict=base_weights(loaded.lm))
        save_adapter(loaded.lm, adapter, folder, BASE_FOLDER)
        return {"name": BASE_FOLDER}
    gathered = loaded.lm.gathered
    loaded.lm.model.save_pretrained(folder, state_dict=dict(gathered) if gathered else None)
    return None


def save_mode_for(save_mode: str, loaded: LoadedModel, self_contained: bool) -> SaveMode:
    """The mode in which a model is written.

    self_contained: its weights are nowhere else (made or trained here, or read from a full copy).

    Raises ValueError for "reference" where there is nothing to refer to.
    """
    if save_mode == "full":
        return "full"
    if save_mode == "reference":
        if self_contained:
            raise ValueError(
                "save_mode is 'reference', but these weights are in no other place (they were "
                "trained here, or read from a full copy): set save_mode to 'full' or 'auto'"
            )
        return "reference"
    return "full" if self_contained or loaded.source.name in IN_THE_BOX else "reference"


def replace_model(loaded: LoadedModel, folder: Path, mode: SaveMode) -> None:
    """Writes beside `folder`, then puts the new one in its place.

    The old files may be the ones that this very model was read from and are still mapped.

    Raises ValueError for a folder that holds something else than a model of ours.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / SETTINGS_FILE).exists():
        raise ValueError(f"{folder} is not empty, and no model is in it: give another folder")
    with whole_folder(folder) as fresh:
        save_model(loaded, fresh, mode)


def folder_to_bytes(save: Callable[[Path], object]) -> bytes:
    """What `save` writes into a folder, as one bytestring.

    Raises ValueError beyond `MAX_BYTES`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in files)
        if size > MAX_BYTES:
            raise ValueError(
                f"the model takes {size / 1024**3:.1f} GiB and to_bytes holds "
                f"{MAX_BYTES / 1024**3:.1f}: use to_disk"
            )
        packed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return srsly.msgpack_dumps(packed)


def folder_from_bytes(data: bytes, read: Callable[[Path], object]) -> None:
    """Unpacks `folder_to_bytes` into a folder for `read`; the folder is gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        for name, content in srsly.msgpack_loads(data).items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise ValueError(f"the bytes name a file outside their folder: {name!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        read(folder)
