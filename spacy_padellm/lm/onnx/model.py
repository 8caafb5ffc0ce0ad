"""An exported model with its tokenizer, as a decoder asks it (`SessionModel`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...prompts.encoding import TextPrompt
from ...prompts.tree import Ints, TreePass
from ..choices import Choices
from ..pointing_batch import CPU_TOKENS, MOST_KEPT, pointing_batch, seen
from ..row_session import RowSession
from ..session import AskedLabels, Method, Session
from ..toy_tree import toy_difference
from ..tree_session import TreeSession
from .passes import KeyValueCache, OnnxPasses
from .pointers import OnnxPointers, Queries

TOLERANCE = 0.01  # of the numbers' standard deviation
ROUNDED_TOLERANCE = 0.25  # 8 bits are spread over what a pass holds, a tree another than a row
# Nodes of a row, about. Attention is computed for whole rows, whatever the mask says, and a pass
# has little cost of its own that long rows would spare.
ROW_WIDTH = 128


@dataclass(frozen=True)
class Processor:
    """Where such a model runs, as a device of torch is described."""

    type: str = "cpu"

    def __str__(self) -> str:
        return self.type


@dataclass
class OnnxModel(OnnxPasses):
    """name: what the user called it, for messages. folder: that it was read from. max_positions:
    tokens of the longest sequence it was made for, None if unknown. rounded: whether its weights
    were rounded to 8 bits. pointers: of a model that points at mentions."""

    tokenizer: Any = field(kw_only=True)
    folder: Path = field(kw_only=True)
    name: str = field(default="model", kw_only=True)
    max_positions: int | None = field(default=None, kw_only=True)
    rounded: bool = field(default=False, kw_only=True)
    pointers: OnnxPointers | None = field(default=None, kw_only=True)
    device: Processor = field(default=Processor(), kw_only=True)
    kept: dict[AskedLabels, Queries] = field(default_factory=dict, kw_only=True, repr=False)

    # What only models of torch have.
    adapter = None
    static = None
    quantized = False

    @property
    def points(self) -> bool:
        return self.pointers is not None

    @property
    def pointing_tokens(self) -> int:
        return CPU_TOKENS

    def open_session(
        self, prompts: Sequence[TextPrompt], method: Method, bidirectional: bool, choices: Choices
    ) -> Session:
        if method == "tree":
            return TreeSession(self, prompts, bidirectional, choices, ROW_WIDTH)
        return RowSession(self, prompts, bidirectional, method == "rows", True, choices)

    def prepare(self) -> None:
        """As `LanguageModel.prepare`: there is nothing to ready."""

    def free_memory(self) -> None:
        """onnxruntime keeps what it has for the next pass."""

    def point_at(
        self, prompts: Sequence[TextPrompt], asked: AskedLabels, bidirectional: bool
    ) -> list[np.ndarray]:
        """Probabilities, text by text (`PointingSessionModel`)."""
        assert self.pointers is not None
        queries = self._queries(asked)
        batch = pointing_batch(prompts)
        of_token = self.pointers.of_tokens(batch)
        embedded = self.embeddings.rows(batch.ids) + self.pointers.added(of_token)
        taken = _side_by_side(batch.ids, batch.real, bidirectional, self.window)
        states = self.states(embedded, taken, None) if batch.ids.size else embedded
        inside = batch.inside
        found = self.pointers.probabilities(states[inside], of_token[inside], queries)
        sizes = [len(prompt.encoded.ids) for prompt in prompts]
        return np.split(found, np.cumsum(sizes)[:-1])

    def _queries(self, asked: AskedLabels) -> Queries:
        """Of each label, by its prompt alone; computed once."""
        assert self.pointers is not None
        if (found := self.kept.get(asked)) is not None:
            return found
        lengths = np.array([len(ids) for ids in asked.prompts])
        ids = np.zeros((len(lengths), lengths.max()), dtype=np.int64)
        for row, of_label in zip(ids, asked.prompts, strict=True):
            row[: len(of_label)] = of_label
        real = np.arange(ids.shape[1]) < lengths[:, None]
        taken = _side_by_side(ids, real, False, self.window)
        states = self.states(self.embeddings.rows(ids), taken, None)
        found = self.pointers.queries(states[np.arange(len(ids)), lengths - 1], asked.labels)
        if len(self.kept) >= MOST_KEPT:
            self.kept.clear()
        self.kept[asked] = found
        return found


def _side_by_side(ids: Ints, real: np.ndarray, bidirectional: bool, window: int | None) -> TreePass:
    """Texts, a row each, as a pass. A sliding window is for those that look back only."""
    mask = seen(real, bidirectional)
    place = np.arange(ids.shape[1])
    windowed = None
    if window is not None and not bidirectional:
        windowed = (mask & (np.abs(place[:, None] - place) < window))[:, None]
    positions = np.broadcast_to(place, ids.shape).astype(np.int64)
    return TreePass(ids, positions, mask[:, None], windowed)


class RoundingError(ValueError):
    """A model in 8 bits is refused for what these may well have done to it."""


def check_onnx_model(model: OnnxModel) -> None:
    """Tree against rows, as `lm.selfcheck` has it. Raises ValueError for a graph that leaks or is
    broken; RoundingError, which names the file and the mend, for one in 8 bits."""
    difference = toy_difference(_Toy(model), typical=model.rounded)
    if model.rounded and not difference < ROUNDED_TOLERANCE:
        raise RoundingError(
            f"{model.body.path}: the model's numbers in a tree differ from those in plain rows by "
            f"{difference:.2f} standard deviations, and {ROUNDED_TOLERANCE} is the most in 8 bits. "
            f"These are too few for this model, or branches of a tree see each other in it: export "
            f"it with --precision fp32, or, if it was not trained yet, train it first"
        )
    if not model.rounded and not difference < TOLERANCE:
        raise ValueError(
            f"branches of a tree see each other in it: its numbers differ from plain rows by "
            f"{difference:.2f} standard deviations"
        )


class _Toy:
    """The states that the head reads, for `toy_difference`."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self.vocabulary = len(model.embeddings)
        self.cached = bool(model.layers)
        self.window = model.window and min(model.window, 5)
        self.pass_width = model.pass_width

    def open_cache(self, columns: int) -> KeyValueCache | None:
        return self.model.open_cache(1, columns) if self.cached else None

    def in_tree(
        self, taken: TreePass, cache: KeyValueCache | None, rows: Ints, columns: Ints
    ) -> np.ndarray:
        embedded = self.model.embeddings.rows(taken.ids)
        return self.model.states(embedded, taken, cache)[rows, columns]

    def in_row(self, ids: Sequence[int]) -> np.ndarray:
        row = np.array([ids], dtype=np.int64)
        taken = _side_by_side(row, np.ones(row.shape, dtype=bool), False, self.window)
        return self.model.states(self.model.embeddings.rows(row), taken, None)[0]
