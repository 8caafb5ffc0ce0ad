"""Tensors of safetensors files, mapped: read where they are used, copied nowhere."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...lm.onnx.head import widen

# Behind the name of a matrix in 8 bits: what each of its rows is multiplied by, [rows, 1].
SCALE = ".scale"
INT8 = "I8"
_DTYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    INT8: np.int8,
}
_MOST_HEADER = 100_000_000


@dataclass(frozen=True)
class TensorPlace:
    """offset, length: bytes, in the whole file. dtype: as safetensors names it."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int

    def map(self) -> np.ndarray:
        """The tensor; of bfloat16 as uint16. Raises ValueError for a type that is not one of
        those, and for a place that the file does not have."""
        if self.dtype not in _DTYPES:
            raise ValueError(f"{self.name} is of type {self.dtype}")
        dtype = np.dtype(_DTYPES[self.dtype])
        if int(np.prod(self.shape, dtype=np.int64)) * dtype.itemsize != self.length:
            raise ValueError(f"{self.name} has not as many bytes as its shape says")
        if not self.length:
            return np.zeros(self.shape, dtype=dtype)
        # A type that knows nothing of its size lets a place be of odd bytes.
        raw = np.memmap(self.file, dtype=np.uint8, mode="r", offset=self.offset, shape=self.length)
        return raw.view(np.ndarray).view(dtype).reshape(self.shape)


@dataclass(frozen=True)
class StoredWeight:
    """A tensor as it is stored. scales: of the rows of one in 8 bits."""

    place: TensorPlace
    scales: TensorPlace | None = None

    @property
    def in_floats(self) -> bool:
        return self.place.dtype in ("F32", "F16", "BF16")

    def row_scales(self) -> np.ndarray | None:
        """float32, [rows, 1]; None for floats. Raises ValueError for a matrix in 8 bits that has
        none."""
        if self.place.dtype != INT8:
            return None
        if self.scales is None or self.scales.shape != (*self.place.shape[:1], 1):
            raise ValueError(f"{self.place.name} has no scale for each of its rows")
        return self.scales.map()

    def floats(self) -> np.ndarray:
        """float32, as torch reads them (`rounded`). Raises ValueError for other numbers."""
        scales, found = self.row_scales(), self.place.map()
        if scales is not None:
            return found.astype(np.float32) * scales
        if not self.in_floats:
            raise ValueError(f"{self.place.name} is of type {self.place.dtype}")
        return widen(found)


def find_weights(file: Path) -> dict[str, StoredWeight]:
    """The tensors of a file by name, those in 8 bits with their scales. Raises as `find_tensors`
    does."""
    tensors = find_tensors(file)
    in_8_bits = {name for name, place in tensors.items() if place.dtype == INT8}
    return {
        name: StoredWeight(place, tensors.get(name + SCALE) if name in in_8_bits else None)
        for name, place in tensors.items()
        if not (name.endswith(SCALE) and name.removesuffix(SCALE) in in_8_bits)
    }


def find_tensors(file: Path) -> dict[str, TensorPlace]:
    """Raises ValueError for a file that is no safetensors, and OSError."""
    with file.open("rb") as opened:
        head = opened.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else _MOST_HEADER + 1
        if size > _MOST_HEADER:
            raise ValueError("it does not begin as a safetensors file does")
        header = json.loads(opened.read(size))
    begin, end = 8 + size, file.stat().st_size
    found = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        first, last = about["data_offsets"]
        if not 0 <= first <= last <= end - begin:
            raise ValueError(f"{name} lies outside of the file: it was cut short")
        shape = tuple(int(side) for side in about["shape"])
        found[name] = TensorPlace(file, name, about["dtype"], shape, begin + first, last - first)
    return found
