"""Embeddings and the output head in numpy: rows of few ids, and logits of few."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cached import cached_property
from ...prompts.tree import Ints
from .products import compare


class Table:
    """A matrix with a row for each id, as it is stored: mapped from a file, in 8, 16 or 32 bits.

    stored: [ids, width] of float16 or float32; of uint16, the upper halves of float32 (bfloat16);
    or of int8, each row to be multiplied by one of row_scales, [ids, 1]. scale: of all rows.
    """

    def __init__(
        self, stored: np.ndarray, scale: float = 1.0, row_scales: np.ndarray | None = None
    ) -> None:
        self.stored = stored
        self.scale = np.float32(scale)
        self.row_scales = row_scales

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def width(self) -> int:
        return int(self.stored.shape[1])

    def rows(self, ids: Ints) -> np.ndarray:
        """[..., width], float32."""
        found = widen(self.stored[ids])
        if self.row_scales is not None:
            found *= self.row_scales[ids]
        return found if self.scale == 1 else found * self.scale

    @cached_property
    def whole(self) -> np.ndarray:
        """[ids, width], float32; made when it is first asked for."""
        found = widen(self.stored)
        return found if self.row_scales is None else found * self.row_scales

    def __getstate__(self) -> dict[str, Any]:
        stored = np.asarray(self.stored)
        return {"stored": stored, "scale": self.scale, "row_scales": self.row_scales}


def widen(stored: np.ndarray) -> np.ndarray:
    """float32 of what a `Table` stores."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(stored, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head. bias: [ids]. softcap: logits are squeezed between this and its negative.
    scale: all logits are multiplied by it, before that."""

    weight: Table
    bias: np.ndarray | None = None
    softcap: float | None = None
    scale: float = 1.0

    def rows(self, choices: Ints) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights [choices, width] and biases of some ids."""
        return self.weight.rows(choices), None if self.bias is None else self.bias[choices]

    @property
    def whole(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.weight.whole, self.bias

    def logits(self, states: np.ndarray, rows: tuple[np.ndarray, np.ndarray | None]) -> np.ndarray:
        """[..., choices], float32, of states [..., width]. rows: as `rows`, or `whole`."""
        weight, bias = rows
        found = compare(states, weight)
        if bias is not None:
            found += bias
        if self.scale != 1:
            found *= np.float32(self.scale)
        if self.softcap is not None:
            cap = np.float32(self.softcap)
            found = np.tanh(found / cap) * cap
        return found
