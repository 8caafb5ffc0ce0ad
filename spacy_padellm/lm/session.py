"""What the two decoding steps ask of a model: extend branches, answer questions at their ends.

Knows nothing of how the model runs: ids and questions go in, numpy arrays come out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import Ints
from .choices import Choices

Method = Literal["tree", "rows", "paper", "pointers"]


@dataclass(eq=False)
class Branch:
    """A sequence of ids, from the root, that a session encodes and extends.

    origin: a branch that begins with the same ids; what it has encoded need not be encoded
    again. nodes: the session's handles of the ids encoded so far.
    """

    text: int
    ids: list[int]
    origin: "Branch | None" = None
    nodes: list[int] = field(default_factory=list)

    def shared_with_origin(self) -> int:
        """How many first ids the origin has encoded already."""
        if self.origin is None:
            return 0
        limit = min(len(self.origin.nodes), len(self.ids))
        if self.ids[:limit] == self.origin.ids[:limit]:
            return limit
        return next(i for i in range(limit) if self.ids[i] != self.origin.ids[i])

    def missing(self) -> int:
        """How many ids are not encoded yet."""
        return len(self.ids) - (len(self.nodes) or self.shared_with_origin())

    def cut(self, length: int) -> None:
        """Forgets all ids behind the first `length`."""
        del self.ids[length:], self.nodes[length:]


@dataclass(frozen=True, eq=False)
class Question:
    """Which id comes next.

    candidates: the ids whose log-probabilities are wanted, at least one; None for the likeliest
    of the whole vocabulary alone. among: the ids that probability is spread over; None for the
    whole vocabulary.
    """

    candidates: Ints | None = None
    among: Ints | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """ids: the candidates of the question, or the likeliest id; log_probs: of each (nats)."""

    ids: Ints
    log_probs: np.ndarray

    def best(self) -> int:
        """Which of the ids is the likeliest, as an index; the first of equals."""
        return int(self.log_probs.argmax())


@dataclass(frozen=True)
class AskedLabels:
    """Labels that are asked for apart from any text. prompts: the ids that ask for each."""

    labels: tuple[str, ...]
    prompts: tuple[tuple[int, ...], ...]


class Session(Protocol):
    """The state of one batch.

    passes, tokens: what was run so far. kept: the most tokens that were in caches at a time.
    Padding counts.
    """

    passes: int
    tokens: int
    kept: int

    def extend(
        self, branches: Sequence[Branch], questions: Sequence[Sequence[Question]]
    ) -> list[Answer]:
        """Encodes what is new in the branches, in one forward pass where it can.

        questions: of each branch, asked behind as many of its last ids, all of them new. Answers
        them branch by branch.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds; to be called once, at the end."""
        ...


class TextModel(Protocol):
    """A model with its tokenizer, wherever it runs.

    max_positions: tokens of the longest sequence it was made for, None if unknown.
    """

    @property
    def name(self) -> str: ...
    @property
    def tokenizer(self) -> Any: ...
    @property
    def max_positions(self) -> int | None: ...


class SessionModel(TextModel, Protocol):
    """A model that a decoder can ask, on whatever runtime.

    tree: whether it keeps the branches of a prompt tree apart. points: whether it was trained to
    point at mentions.
    """

    tree: bool

    @property
    def points(self) -> bool: ...

    def open_session(
        self,
        prompts: Sequence[TextPrompt],
        method: Method,
        bidirectional: bool,
        choices: Choices,
    ) -> Session:
        """A session for a batch. bidirectional: tokens of a text see each other both ways."""
        ...

    def free_memory(self) -> None:
        """Gives unused memory of the device back, before a batch is tried in two halves."""
        ...


class PointingSessionModel(SessionModel, Protocol):
    """A model that was trained to point at mentions.

    pointing_tokens: up to how many tokens, padding included, a pass is the faster for more.
    """

    @property
    def pointing_tokens(self) -> int: ...

    def point_at(
        self, prompts: Sequence[TextPrompt], asked: AskedLabels, bidirectional: bool
    ) -> list[np.ndarray]:
        """[tokens, 2, labels] of each text: the probabilities that a mention begins, and ends."""
        ...
