"""Passes of an exported model: what sessions ask of a runtime, on onnxruntime and numpy."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...prompts.tree import Bools, Ints, TreePass
from ..answers import read_answers
from ..choices import Choices
from ..kept_preambles import KeptPreambles
from ..session import Answer, Question
from .graph import Graph
from .head import Head, Table
from .logit_array import LogitArray

STATES, EMBEDDED, MASK, WINDOW_MASK, POSITIONS = "states", "embedded", "mask", "window", "positions"


def past_name(layer: int, values: bool) -> str:
    return f"past_{'values' if values else 'keys'}_{layer}"


def new_name(layer: int, values: bool) -> str:
    return f"new_{'values' if values else 'keys'}_{layer}"


@dataclass(frozen=True)
class LayerShape:
    """Of what a layer keeps: heads of keys and values, and numbers of each."""

    heads: int
    key_size: int
    value_size: int


@dataclass(eq=False)
class KeyValueCache:
    """arrays: keys and values of each layer in turn, [rows, heads, columns, size]; None before the
    first pass. head_rows: of the head, for the choices that were asked for last."""

    arrays: list[np.ndarray] | None = None
    head_rows: tuple[Ints, tuple[np.ndarray, np.ndarray | None]] | None = None


@dataclass
class OnnxPasses:
    """What a session asks of the model that opened it (`Passes`).

    body: takes embedded tokens, positions and masks, and returns the states that the head reads.
    layers: what each keeps of a pass; none of a body without a cache. window: sliding-window size;
    of all layers, or, where the body takes a mask for them, of some. head: None of a model that
    points.
    """

    body: Graph
    embeddings: Table
    layers: tuple[LayerShape, ...] = ()
    head: Head | None = None
    window: int | None = None
    tree: bool = field(default=True, kw_only=True)
    preambles: KeptPreambles = field(default_factory=KeptPreambles, init=False, repr=False)

    def decoding(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def new_cache(self) -> KeyValueCache:
        return KeyValueCache()

    def open_cache(
        self, rows: int, columns: int, preamble: KeyValueCache | None = None
    ) -> KeyValueCache:
        if preamble is None:
            return KeyValueCache()
        return self.select_rows(preamble, np.zeros(rows, dtype=np.int64))

    def close_cache(self, cache: KeyValueCache) -> None:
        cache.arrays = None

    def select_rows(self, cache: KeyValueCache, rows: Ints) -> KeyValueCache:
        if cache.arrays is None:
            return KeyValueCache()
        return KeyValueCache([array[rows] for array in cache.arrays])

    def pass_width(self, nodes: int) -> int:
        return nodes

    def pass_rows(self, cache: KeyValueCache, taken: TreePass) -> int:
        return int(taken.ids.shape[0])

    def tree_pass(
        self,
        taken: TreePass,
        cache: KeyValueCache | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> LogitArray:
        if self.head is None:
            raise ValueError("this model was exported to point at mentions, and writes none")
        states = self.states(self.embeddings.rows(taken.ids), taken, cache)[rows, columns]
        return LogitArray(self.head.logits(states, self._head_rows(choices, cache)))

    def causal_pass(
        self,
        ids: Ints,
        known: Bools,
        positions: Ints,
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> LogitArray:
        raise TypeError("all passes of an exported model have a mask")

    def read_logits(
        self, logits: LogitArray, questions: Sequence[Question], choices: Choices
    ) -> list[Answer]:
        return read_answers(logits, questions, choices)

    def states(
        self, embedded: np.ndarray, taken: TreePass, cache: KeyValueCache | None
    ) -> np.ndarray:
        """What the head reads, [rows, columns, width]. embedded: the tokens of the pass, [rows,
        columns, width]. cache: takes the columns of this pass, where the body keeps any."""
        mixed = WINDOW_MASK in self.body.inputs
        windowed = taken.mask if taken.window_mask is None else taken.window_mask
        feeds = {
            EMBEDDED: embedded,
            POSITIONS: taken.positions,
            MASK: taken.mask if mixed else windowed,
            WINDOW_MASK: windowed,
        }
        rows = taken.ids.shape[0]
        past = (cache.arrays if cache else None) or self._empty(rows)
        outputs = [STATES]
        for i, array in enumerate(past):
            feeds[past_name(i // 2, bool(i % 2))] = array
            if cache is not None:
                outputs.append(new_name(i // 2, bool(i % 2)))
        known = self.body.inputs
        taken_in = {name: array for name, array in feeds.items() if name in known}
        states, *new = self.body.run(outputs, taken_in)
        if cache is not None:
            pairs = zip(past, new, strict=True)
            cache.arrays = [
                np.concatenate(pair, axis=2) if pair[0].shape[2] else pair[1] for pair in pairs
            ]
        return states

    def _empty(self, rows: int) -> list[np.ndarray]:
        return [
            np.zeros((rows, shape.heads, 0, size), dtype=np.float32)
            for shape in self.layers
            for size in (shape.key_size, shape.value_size)
        ]

    def _head_rows(
        self, choices: Ints | None, cache: KeyValueCache | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        assert self.head is not None
        if choices is None:
            return self.head.whole
        if cache is not None and cache.head_rows is not None and cache.head_rows[0] is choices:
            return cache.head_rows[1]
        rows = self.head.rows(choices)
        if cache is not None:
            cache.head_rows = choices, rows
        return rows
