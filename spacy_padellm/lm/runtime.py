"""What sessions ask of the runtime that opened them: torch, or ONNX (`onnx/`)."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..prompts.tree import Bools, Ints, TreePass
from .choices import Choices
from .kept_preambles import KeptPreambles
from .session import Answer, Question


class Passes(Protocol):
    """Forward passes of a model. Caches and logits are of the runtime's own kind.

    tree: whether a tree mask is exact for this model. window: sliding-window size in positions,
    None where every layer sees everything. preambles: caches of what prompts begin with.
    """

    tree: bool

    @property
    def preambles(self) -> KeptPreambles: ...

    @property
    def window(self) -> int | None: ...

    def decoding(self) -> AbstractContextManager[Any]:
        """Held while a session runs."""
        ...

    def new_cache(self) -> Any:
        """A cache of no columns, whose rows can be selected."""
        ...

    def open_cache(self, rows: int, columns: int, preamble: Any | None = None) -> Any:
        """A cache for the passes of one tree; `close_cache` gives it back. columns: how many are
        expected. preamble: a `new_cache` of one row, which all rows begin with."""
        ...

    def close_cache(self, cache: Any) -> None: ...

    def select_rows(self, cache: Any, rows: Ints) -> Any:
        """A cache of these rows of a `new_cache`, some perhaps several times."""
        ...

    def pass_width(self, nodes: int) -> int:
        """How wide a pass of so many nodes a row must be."""
        ...

    def pass_rows(self, cache: Any, taken: TreePass) -> int:
        """How many rows the pass will have, padding included."""
        ...

    def tree_pass(
        self,
        taken: TreePass,
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> Any:
        """Runs the nodes of a pass; logits [len(rows), choices] in float32.

        rows, columns: the nodes whose logits are wanted, within the pass. cache: holds the
        columns of earlier passes and takes those of this one. choices: the ids whose logits are
        wanted; None for the whole vocabulary.
        """
        ...

    def causal_pass(
        self,
        ids: Ints,
        known: Bools,
        positions: Ints,
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> Any:
        """As `tree_pass`, of sequences without a mask of ours, padded on the right.

        known: [rows, all columns], which columns of the cache and of this pass are no padding.
        Without a cache nothing looks to the right, at the padding.
        """
        ...

    def read_logits(
        self, logits: Any, questions: Sequence[Question], choices: Choices
    ) -> list[Answer]:
        """Answers each question by its row of logits."""
        ...
