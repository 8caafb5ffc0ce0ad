"""Tensors of safetensors files, mapped: read where they are used, copied nowhere."""

from dataclasses import dataclass

import numpy as np

from ...lm.onnx.head import widen
from .header import Header, TensorPlace

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


def map_tensor(place: TensorPlace) -> np.ndarray:
    """The tensor; of bfloat16 as uint16. Raises ValueError for a type that is not one of those, and
    OSError for a file that is gone."""
    if place.dtype not in _DTYPES:
        raise ValueError(f"{place.name} is of type {place.dtype}")
    dtype = np.dtype(_DTYPES[place.dtype])
    if not place.length:
        return np.zeros(place.shape, dtype=dtype)
    # A type that knows nothing of its size lets a place be of odd bytes.
    raw = np.memmap(place.file, dtype=np.uint8, mode="r", offset=place.offset, shape=place.length)
    return raw.view(np.ndarray).view(dtype).reshape(place.shape)


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
        return map_tensor(self.scales)

    def floats(self) -> np.ndarray:
        """float32, as torch reads them (`rounded`). Raises ValueError for other numbers."""
        scales, found = self.row_scales(), map_tensor(self.place)
        if scales is not None:
            return found.astype(np.float32) * scales
        if not self.in_floats:
            raise ValueError(f"{self.place.name} is of type {self.place.dtype}")
        return widen(found)


def find_weights(header: Header) -> dict[str, StoredWeight]:
    """The tensors of a file by name, those in 8 bits with their scales."""
    tensors = header.tensors
    in_8_bits = {name for name, place in tensors.items() if place.dtype == INT8}
    return {
        name: StoredWeight(place, tensors.get(name + SCALE) if name in in_8_bits else None)
        for name, place in tensors.items()
        if not (name.endswith(SCALE) and name.removesuffix(SCALE) in in_8_bits)
    }
