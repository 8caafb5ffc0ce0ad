"""The output head of a causal LM, made to compute only what is read: few places, few ids.

By hooks, inside the model's own forward, so that scaling and soft-caps behind the head still
happen, whatever the architecture.
"""

import os
import threading
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import nn

from ..prompts.tree import Ints


@runtime_checkable
class MadeHead(Protocol):
    """A linear head whose weights are made of others, by its rows."""

    bias: torch.Tensor | None

    def rows_of(self, ids: torch.Tensor) -> torch.Tensor:
        """Of some ids, [ids, width]; no others are made."""
        ...


class HeadReads:
    """A context for one forward pass.

    rows, columns: [n], the places whose logits are wanted. choices: the ids whose logits are
    wanted at each; None for the whole vocabulary. A head that is no plain linear layer (adapted,
    quantised) computes all ids, and a model without a head module all places.
    """

    def __init__(
        self, head: nn.Module | None, rows: Ints, columns: Ints, choices: Ints | None = None
    ) -> None:
        self.head = head
        self.rows, self.columns = torch.from_numpy(rows), torch.from_numpy(columns)
        self.choices = None if choices is None else torch.from_numpy(choices)
        self._chooses = choices is not None and is_plain(head)
        self._states: torch.Tensor | None = None
        self._own_thread = _this_thread()
        self._hooks: list[Any] = []

    def __enter__(self) -> "HeadReads":
        if self.head is not None:
            self._hooks = [self.head.register_forward_pre_hook(self._gather)]
            if self._chooses:
                self._hooks.append(self.head.register_forward_hook(self._choose))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def take(self, logits: torch.Tensor) -> torch.Tensor:
        """[n, choices], from what the model returned."""
        at_places = logits[0] if self.head is not None else logits[self.rows, self.columns]
        if self.choices is None or self._chooses:
            return at_places
        return at_places[:, self.choices.to(logits.device)]

    def _gather(self, _head: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        # Other threads may be running the same model with places of their own.
        if _this_thread() != self._own_thread:
            return None
        device = args[0].device
        states = args[0][self.rows.to(device), self.columns.to(device)][None]
        if not self._chooses:
            return (states, *args[1:])
        self._states = states
        return (states[:, :0], *args[1:])

    def _choose(
        self, head: nn.Module, _args: tuple[Any, ...], _output: torch.Tensor
    ) -> torch.Tensor | None:
        if _this_thread() != self._own_thread or self._states is None:
            return None
        assert self.choices is not None
        return logits_of(head, self._states, self.choices.to(self._states.device))


def _this_thread() -> tuple[int, int]:
    """Of all processes: a fork has hooks of threads of its parent, and gives their numbers anew."""
    return os.getpid(), threading.get_ident()


def is_plain(head: nn.Module | None) -> bool:
    """Whether a head's logits of some ids can be had from those rows of its weights."""
    if isinstance(head, MadeHead):
        return True
    return type(head) is nn.Linear and head.weight.device.type != "meta"


def logits_of(head: Any, states: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """[..., ids], of a head that is plain (`is_plain`). states: [..., width]."""
    bias = None if head.bias is None else head.bias[ids]
    rows = head.rows_of(ids) if hasattr(head, "rows_of") else head.weight[ids]
    return F.linear(states, rows, bias)
