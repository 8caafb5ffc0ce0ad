"""Tree passes of a few fixed shapes, each compiled once: `torch.compile`, CUDA graphs on a GPU.

Between the operations of a small pass a GPU waits for Python, and so does a CPU. Shapes are
rounded up, so that a stream of texts comes by with few graphs, and keys and values live in caches
of fixed size that are used again. What cannot be compiled runs in the same shapes uncompiled.
"""

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.cache_utils import Cache

from ..logs import first_line
from ..prompts.tree import Bools, Ints, TreePass
from .head import is_plain, logits_of
from .locks import ForkLock
from .older_transformers import static_layer

logger = logging.getLogger(__name__)
MOST_SHAPES = 128  # graphs a model may have
MOST_FREE = 4  # caches that wait to be used again
# Of dynamo, for a function and for all models of a process together.
_LIMITS = {"recompile_limit": 2 * MOST_SHAPES, "accumulated_recompile_limit": 64 * MOST_SHAPES}


@dataclass(eq=False)
class StaticSlot:
    """A cache of fixed size that one session has to itself. used: columns filled so far. sound: no
    pass has failed on it."""

    cache: Cache
    rows: int
    columns: int
    used: int = 0
    sound: bool = True


class StaticPasses:
    """Runs the tree passes of a model in fixed shapes.

    model: of transformers, perhaps with layers of an adapter. compiled: without, the same
    shapes run uncompiled.
    """

    def __init__(self, model: Any, device: torch.device, compiled: bool = True) -> None:
        self.compiled = compiled
        self.device = device
        self._made_of = model
        self.shapes: set[tuple[int, ...]] = set()  # that were run
        self._reads = _Reads()
        self._model = _twin(model, self._reads)
        self._n_layers = model.config.get_text_config().num_hidden_layers
        self.free: list[StaticSlot] = []  # that wait to be used again
        self._lock = ForkLock()
        mode = "reduce-overhead" if device.type == "cuda" else None
        self._forward_compiled = torch.compile(self._forward, dynamic=False, mode=mode)

    def __reduce__(self) -> tuple[Any, ...]:
        """Graphs and caches stay where they are; a copy makes its own."""
        return StaticPasses, (self._made_of, self.device, self.compiled)

    def open(self, rows: int, columns: int, preamble: Cache | None = None) -> StaticSlot:
        """A cache for so many rows and, to begin with, so many columns. preamble: a cache of one
        row, which all rows begin with."""
        if preamble is not None:
            columns = max(columns, preamble.get_seq_length())
        shape = (round_up(rows, 1), round_up(columns, 128))
        with self._lock:
            slot = next((s for s in self.free if (s.rows, s.columns) == shape), None)
            if slot is not None:
                self.free.remove(slot)
        if slot is None:
            layers: list[Any] = [static_layer(shape[1]) for _ in range(self._n_layers)]
            slot = StaticSlot(Cache(layers=layers), *shape)
        for layer in _layers(slot):
            if layer.is_initialized:  # masked columns still enter as 0 * value: no nan may stay
                layer.keys.zero_()
                layer.values.zero_()
        _set_used(slot, 0 if preamble is None else _fill(slot, preamble))
        return slot

    def close(self, slot: StaticSlot) -> None:
        """Gives a cache back."""
        with self._lock:
            if slot.sound:
                self.free.append(slot)
                del self.free[:-MOST_FREE]

    def fit(self, taken: TreePass, slot: StaticSlot) -> TreePass:
        """The pass with the rows and columns of the slot, which is made larger where need be. The
        width of the pass must be a fixed one (`pass_width`) already."""
        needed = slot.used + taken.ids.shape[1]
        if needed > slot.columns:
            self._enlarge(slot, needed)
        rows = slot.rows - taken.ids.shape[0]
        window = taken.window_mask
        return TreePass(
            np.pad(taken.ids, ((0, rows), (0, 0))),
            np.pad(taken.positions, ((0, rows), (0, 0))),
            _fit_mask(taken.mask, slot),
            None if window is None else _fit_mask(window, slot),
        )

    def run(
        self,
        inputs: Mapping[str, Any],
        slot: StaticSlot,
        rows: Ints,
        columns: Ints,
        choices: Ints | None,
    ) -> torch.Tensor:
        """Logits [len(rows), choices]; inputs: of a pass made by `fit`."""
        places = [self._padded(at, 4) for at in (rows, columns)]
        few = None if choices is None else self._padded(choices, 64)
        arguments = (dict(inputs), slot.cache, *places, few)
        with self._lock:
            try:
                logits = self._run_somehow(slot, arguments, len(places[0]))
            except Exception:  # perhaps out of memory: what waits makes room
                slot.sound = False
                self.free.clear()
                raise
            slot.used += inputs["input_ids"].shape[1]
            # A graph writes to the same memory again.
            logits = logits[: len(rows)].clone()
        return logits if choices is None else logits[:, : len(choices)]

    def _run_somehow(self, slot: StaticSlot, arguments: Any, n_places: int) -> torch.Tensor:
        width = arguments[0]["input_ids"].shape[1]
        few = arguments[-1]
        shape = (slot.rows, width, slot.columns, n_places, -1 if few is None else len(few))
        full = shape not in self.shapes and len(self.shapes) >= MOST_SHAPES
        # A new cache gets its memory outside of a graph, at a place that graphs may rely on.
        new = not all(layer.is_initialized for layer in _layers(slot))
        if not self.compiled or full or new:
            return self._forward(*arguments)
        if shape not in self.shapes:
            tell = logger.info if self.shapes else logger.warning
            tell(
                "compiling passes of %d rows, %d new and %d columns, some seconds each time that a "
                "shape comes by first",
                *shape[:3],
            )
        self.shapes.add(shape)
        try:
            with torch._dynamo.config.patch(_LIMITS):
                return self._forward_compiled(*arguments)
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            self.compiled = False
            logger.warning(
                "the model cannot be compiled here and runs uncompiled (%s); on a CPU, compiling "
                "needs a C++ compiler. Set `compile` to false to be rid of this message",
                first_line(error),
            )
            _set_used(slot, slot.used)
            return self._forward(*arguments)

    def _forward(
        self,
        inputs: dict[str, Any],
        cache: Cache,
        rows: torch.Tensor,
        columns: torch.Tensor,
        choices: torch.Tensor | None,
    ) -> torch.Tensor:
        reads = self._reads
        reads.rows, reads.columns, reads.choices = rows, columns, choices
        return self._model(**inputs, past_key_values=cache, use_cache=True).logits[0].float()

    def _padded(self, ids: Ints, least: int) -> torch.Tensor:
        padded = np.pad(ids, (0, round_up(len(ids), least) - len(ids)))
        return torch.from_numpy(padded).to(self.device)

    def _enlarge(self, slot: StaticSlot, columns: int) -> None:
        """Moves what a slot holds to a larger cache; the one it had is free."""
        larger = self.open(slot.rows, columns)
        layers: Any = zip(slot.cache.layers, larger.cache.layers, strict=True)
        for old, new in layers:
            if not old.is_initialized:
                continue
            if not new.is_initialized:
                new.lazy_initialization(old.keys, old.values)
            new.keys[:, :, : slot.used] = old.keys[:, :, : slot.used]
            new.values[:, :, : slot.used] = old.values[:, :, : slot.used]
        self.close(StaticSlot(slot.cache, slot.rows, slot.columns))
        slot.cache, slot.columns = larger.cache, larger.columns
        _set_used(slot, slot.used)


def pass_width(n: int) -> int:
    """The fixed width of a pass of n nodes a row: 8, 16, 32, 48, 64, 96, 128, 192, ..."""
    width = round_up(n, 8)
    return width * 3 // 4 if width > 32 and n <= width * 3 // 4 else width


def round_up(n: int, least: int) -> int:
    """The next power of two, at least `least`."""
    return max(least, 1 << max(n - 1, 0).bit_length())


def _layers(slot: StaticSlot) -> Any:
    return slot.cache.layers


def _set_used(slot: StaticSlot, used: int) -> None:
    slot.used = used
    for layer in _layers(slot):
        layer.cumulative_length.fill_(used)


def _fill(slot: StaticSlot, preamble: Cache) -> int:
    """Puts the one row of a cache before all rows of a slot, which has room for it; returns how
    many columns that are."""
    layers: Any = zip(slot.cache.layers, preamble.layers, strict=True)
    used = 0
    for layer, kept in layers:
        if not layer.is_initialized:
            layer.lazy_initialization(
                *(x.expand(slot.rows, -1, -1, -1) for x in (kept.keys, kept.values))
            )
        used = kept.keys.shape[2]
        layer.keys[:, :, :used] = kept.keys
        layer.values[:, :, :used] = kept.values
    return used


def _fit_mask(mask: Bools, slot: StaticSlot) -> Bools:
    """[rows of the slot, 1, width, columns of the slot]; what is padding sees itself only."""
    rows, _, width, known = mask.shape
    fitted = np.zeros((slot.rows, 1, width, slot.columns), dtype=bool)
    fitted[:rows, :, :, :known] = mask
    fitted[rows:, 0, np.arange(width), known - width + np.arange(width)] = True
    return fitted


@dataclass(eq=False)
class _Reads:
    """What the head computes next: places [n], and ids [m] or, if None, all."""

    rows: torch.Tensor | None = None
    columns: torch.Tensor | None = None
    choices: torch.Tensor | None = None


class _ReadingHead(nn.Module):
    """An output head that computes what `reads` says, [1, n, m]."""

    def __init__(self, head: Any, reads: _Reads) -> None:
        super().__init__()
        self.head: Any = head
        self.reads = reads
        self.chooses = is_plain(head)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        reads = self.reads
        states = states[reads.rows, reads.columns][None]
        if reads.choices is None:
            return self.head(states)
        if not self.chooses:
            return self.head(states)[:, :, reads.choices]
        return logits_of(self.head, states, reads.choices)


def _twin(model: Any, reads: _Reads) -> Any:
    """The model with the same weights and another head; its own head stays as it is."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    twin.set_output_embeddings(_ReadingHead(model.get_output_embeddings(), reads))
    return twin
