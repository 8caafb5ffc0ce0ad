"""The header of a safetensors file: what its tensors are, and where in the file they lie."""

import math
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .json_file import broken, parse_checked, unreadable
from .schemas import HeaderFile, TensorPart

_MOST_BYTES = 100_000_000  # as safetensors has it
_SIZE = 8  # bytes, in which the file says how long its header is
_LFS = b"version https://git-lfs"
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16,
    "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class TensorPlace:
    """offset, length: bytes, in the whole file. dtype: as safetensors names it."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class Header:
    """tensors: by name; each lies within the file, in as many bytes as its shape says. metadata:
    what the file says of itself. digest: of the header, and so of what lies where."""

    file: Path
    tensors: dict[str, TensorPlace]
    metadata: dict[str, str]
    digest: str


def read_header(file: Path) -> Header:
    """Raises ValueError naming the file for one that is no safetensors, was cut short, or cannot be
    read."""
    try:
        with file.open("rb") as opened:
            if opened.read(len(_LFS)) == _LFS:
                raise ValueError(
                    f"{file} is a pointer of Git LFS, without the weights: run git lfs pull"
                )
            opened.seek(0)
            begin = opened.read(_SIZE)
            size = int.from_bytes(begin, "little")
            if len(begin) < _SIZE or size > _MOST_BYTES:
                raise ValueError(broken(file, "it does not begin as a safetensors file does"))
            content = opened.read(size)
            end = opened.seek(0, 2)
    except OSError as error:
        raise ValueError(unreadable(file, error)) from error
    if len(content) < size:
        raise ValueError(broken(file, "it ends within its header: it was cut short"))
    about = parse_checked(content, HeaderFile, file)
    tensors = {
        name: _place(file, name, part, _SIZE + size, end) for name, part in about.tensors.items()
    }
    return Header(file, tensors, about.metadata or {}, sha256(begin + content).hexdigest()[:16])


def _place(file: Path, name: str, part: TensorPart, begin: int, end: int) -> TensorPlace:
    """begin: of the tensors' bytes. end: of the file. Raises ValueError for a place that the file
    does not have, and one that is of another size than the tensor."""
    first, last = part.data_offsets
    if not first <= last <= end - begin:
        raise ValueError(broken(file, f"{name} lies outside of the file: it was cut short"))
    length, bits = last - first, _BITS.get(part.dtype)
    if bits is not None and math.prod(part.shape) * bits != length * 8:
        raise ValueError(broken(file, f"{name} has not as many bytes as its shape says"))
    return TensorPlace(file, name, part.dtype, tuple(part.shape), begin + first, length)
