"""What the two decoding steps ask of a model: extend branches, give the logits at their ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from .choices import Choices


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


class Session(Protocol):
    """The state of one batch.

    passes, tokens: what was run so far. kept: the most tokens that were in caches at a time.
    Padding counts. choices: the ids whose logits are given.
    """

    choices: Choices
    passes: int
    tokens: int
    kept: int

    def extend(
        self, branches: Sequence[Branch], wanted: Sequence[int] | None = None
    ) -> torch.Tensor:
        """Encodes what is new in the branches.

        wanted: of how many last ids of each branch the logits are wanted, all of them new; 1 each
        if None. Returns them branch by branch, [sum of wanted, choices].
        """
        ...

    def close(self) -> None:
        """Gives back what it holds; to be called once, at the end."""
        ...
