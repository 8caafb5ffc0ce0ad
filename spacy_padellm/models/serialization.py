"""The component's model folder: which mode it is saved in, how it is replaced, how it is packed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import srsly

from ..atomic import whole_folder
from .loaded_model import LoadedModel
from .model_settings import SETTINGS_FILE
from .save import SaveMode, save_model

SAVE_MODES = ("auto", "full", "reference")
# Bytes end up in one msgpack string, which holds 4 GiB at most, together with the vocab.
MAX_BYTES = 2 * 1024**3


def save_mode_for(save_mode: str, self_contained: bool, in_the_box: bool) -> SaveMode:
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
    return "full" if self_contained or in_the_box else "reference"


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
