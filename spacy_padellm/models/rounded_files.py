"""Files of 8 bits that a model was read from: they stay as they are while its weights do."""

import shutil
from pathlib import Path

import numpy as np

from .files.header import read_header
from .files.pointer_sizes import POINTERS
from .files.rounded import is_rounded
from .files.tensors import StoredWeight, find_weights, map_tensor
from .files.weights import WEIGHTS
from .loaded_model import ModelSource
from .place import find_place


def rounded_files(source: ModelSource) -> dict[str, Path]:
    """Those of a model, by name; none where it came from the Hub, or is gone."""
    try:
        place = find_place(source.name, "name", source.revision)
        if place.folder is None:
            return {}
        paths = {name: place.file(name) for name in (WEIGHTS, POINTERS)}
        return {name: path for name, path in paths.items() if path and is_rounded(path)}
    except (OSError, ValueError):  # whatever is there now, it is not what was loaded
        return {}


def keep_rounded(source: ModelSource, folder: Path) -> None:
    """Puts the files that a model was read from in place of those written just now, where both hold
    the same weights: as floats these are four times the size."""
    for name, before in rounded_files(source).items():
        written = folder / name
        if written.is_file() and not is_rounded(written) and _same(written, before):
            shutil.copyfile(before, written)


def _same(written: Path, before: Path) -> bool:
    try:
        headers = [read_header(path) for path in (written, before)]
        now, then = map(find_weights, headers)
        return (
            now.keys() <= then.keys()
            and headers[0].metadata.items() <= headers[1].metadata.items()
            and all(np.array_equal(_values(now[name]), _values(then[name])) for name in now)
        )
    except (OSError, ValueError):  # it was damaged since, or holds what is never rounded
        return False


def _values(weight: StoredWeight) -> np.ndarray:
    known = weight.in_floats or weight.scales is not None
    return weight.floats() if known else map_tensor(weight.place)
