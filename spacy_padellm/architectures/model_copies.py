"""Copies of a model on further devices, each with weights of its own."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..decoding import Replica
from ..models.shared_result import SharedResult

if TYPE_CHECKING:  # an exported model runs without
    import torch

    from ..lm.language_model import LanguageModel


class ModelCopies:
    """Made when they are first needed, kept until they are forgotten. devices: that have one."""

    def __init__(self) -> None:
        self.devices: tuple[torch.device, ...] = ()
        self._made: tuple[Replica, ...] = ()
        self._made_in = os.getpid()
        self._making: SharedResult[tuple[Replica, ...]] = SharedResult()

    def get(self, lm: "LanguageModel", devices: Sequence[str]) -> tuple[Replica, ...]:
        """The model itself and a copy on each of `devices`. Raises ValueError for one that is not
        there."""
        if self._made and self._made_in != os.getpid():  # a fork has none of the threads
            self._made, self._made_in = tuple(Replica(one.lm) for one in self._made), os.getpid()
        return self._made or self._making.get(lambda: self._make(lm, devices))

    def _make(self, lm: "LanguageModel", devices: Sequence[str]) -> tuple[Replica, ...]:
        from ..models.devices import find_device

        if not self._made:
            self.devices = tuple(find_device(device, "devices") for device in devices)
            copies = [lm.copy_to(device) for device in self.devices]
            self._made, self._made_in = tuple(map(Replica, (lm, *copies))), os.getpid()
        return self._made

    def forget(self) -> None:
        """They have the weights of before."""
        self.devices = self._made = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the component makes its own."""
        return ModelCopies, ()
