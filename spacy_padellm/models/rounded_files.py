"""Files of few bits that a model was read from: they stay as they are while its weights do."""

import shutil
from pathlib import Path

import numpy as np

from .files.header import read_header
from .files.pointer_sizes import POINTERS
from .files.rounded import is_rounded
from .files.tensors import StoredWeight, find_weights, map_tensor
from .files.weights import ADAPTER, WEIGHTS
from .loaded_model import ModelSource
from .place import ModelPlace, find_place


def rounded_files(source: ModelSource) -> dict[str, Path]:
    """Those of a base, by name; none where it is gone."""
    try:
        found = _files(find_place(source.name, "name", source.revision), WEIGHTS, POINTERS)
        return {name: path for name, path in found.items() if is_rounded(path)}
    except (OSError, ValueError):  # whatever is there now, it is not what was loaded
        return {}


def are_kept(source: ModelSource) -> bool:
    """Whether saving a model leaves its weights in few bits: an adapter, once merged, changes
    them."""
    return bool(rounded_files(source)) and not source.adapter


def keep_rounded(source: ModelSource, folder: Path) -> None:
    """Puts the files that a base was read from in place of those written just now, where both hold
    the same weights: as floats these are four times the size."""
    for name, before in rounded_files(source).items():
        written = folder / name
        if written.is_file() and not is_rounded(written) and _same(written, before):
            shutil.copyfile(before, written)


def keep_adapter(source: ModelSource, folder: Path) -> None:
    """The same for an adapter and its pointers, in however many bits they are: in memory they are
    in float32, so that they can be trained."""
    if not source.adapter:
        return
    try:
        found = _files(find_place(source.adapter, "adapter"), ADAPTER, POINTERS)
    except ValueError:  # it is gone
        return
    for name, before in found.items():
        written = folder / name
        if written.is_file() and not written.samefile(before) and _same(written, before):
            shutil.copyfile(before, written)


def _files(place: ModelPlace, *names: str) -> dict[str, Path]:
    paths = {name: place.file_here(name) for name in names}
    return {name: path for name, path in paths.items() if path}


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
