"""A folder as one bytestring, for `to_bytes` of a model."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import srsly


def folder_to_bytes(save: Callable[[Path], object], most: int = 2 * 1024**3) -> bytes:
    """What `save` writes into a folder, as one bytestring. Raises ValueError beyond `most`
    bytes: of one msgpack string, which the vocab is in too, 4 GiB are the end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in files)
        if size > most:
            raise ValueError(
                f"the model takes {size / 1024**3:.1f} GiB and to_bytes holds "
                f"{most / 1024**3:.1f}: use to_disk"
            )
        packed = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return srsly.msgpack_dumps(packed)


def folder_from_bytes(data: bytes, folder: Path) -> None:
    """Unpacks `folder_to_bytes` into a folder. Raises ValueError for a file outside of it."""
    for name, content in srsly.msgpack_loads(data).items():
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"the bytes name a file outside their folder: {name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
