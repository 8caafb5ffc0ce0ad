"""Copies of a model on further devices, each with weights of its own."""

from collections.abc import Sequence
from typing import Any

from ..lm.language_model import LanguageModel
from .hardware import find_device
from .shared_result import SharedResult


class ModelCopies:
    """Made when they are first needed, kept until they are forgotten."""

    def __init__(self) -> None:
        self.made: tuple[LanguageModel, ...] = ()
        self._making: SharedResult[tuple[LanguageModel, ...]] = SharedResult()

    def on(self, devices: Sequence[str], lm: LanguageModel) -> tuple[LanguageModel, ...]:
        """One on each of `devices`. Raises ValueError for a device that is not there."""
        if self.made or not devices:
            return self.made
        return self._making.get(lambda: self._make(devices, lm))

    def _make(self, devices: Sequence[str], lm: LanguageModel) -> tuple[LanguageModel, ...]:
        if not self.made:
            found = [find_device(device, "devices") for device in devices]
            self.made = tuple(lm.copy_to(device) for device in found)
        return self.made

    def forget(self) -> None:
        """They have the weights of before."""
        self.made = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the component makes its own."""
        return ModelCopies, ()
