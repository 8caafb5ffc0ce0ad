"""Weights in 8 bits on disk: a quarter of the size, and floats again when they are read.

Matrices row by row, symmetric: `w` as int8 with `w.scale`, float32, [rows, 1]. All else as it is.
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ...atomic import whole_file
from .header import read_header
from .json_file import broken
from .tensors import SCALE
from .trouble import foreign

_KEY, _INT8 = "rounded", "int8"  # of the file's metadata
_MOST = 127


def is_rounded(path: Path) -> bool:
    """Raises ValueError for a file that is broken."""
    return read_header(path).metadata.get(_KEY) == _INT8


def read_rounded(path: Path) -> dict[str, torch.Tensor]:
    """In float32. Raises ValueError for a file that is broken."""
    with foreign(lambda why: broken(path, why)), safe_open(path, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights = {}
    for name, weight in found.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in found:
            continue
        if weight.dtype == torch.int8:
            scale = found.get(name + SCALE)
            if scale is None or scale.shape != (weight.shape[0], 1):
                raise ValueError(broken(path, f"{name} has no scale for each of its rows"))
            weight = weight.float() * scale
        weights[name] = weight.float() if weight.is_floating_point() else weight
    return weights


def write_rounded(
    weights: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """The file is written whole: weights may be those of the one that it takes the place of, which
    older releases of safetensors read only when they are used. metadata: further, of the file."""
    made: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        if weight.ndim == 2 and weight.is_floating_point():
            exact = weight.detach().float().cpu()
            scale = exact.abs().amax(1, keepdim=True).clamp(min=1e-12) / _MOST
            made[name] = (exact / scale).round().to(torch.int8)
            made[name + SCALE] = scale
        else:
            made[name] = weight.detach().cpu().contiguous()
    with whole_file(path) as fresh:
        save_file(made, fresh, {**(metadata or {}), _KEY: _INT8, "format": "pt"})
