"""Copies of a model on further devices, each with weights of its own, and what decodes on them."""

import os
from collections.abc import Sequence
from typing import Any

from ..decoding import Decoder, ReplicaDecoder
from ..lm.language_model import LanguageModel
from ..models.hardware import find_device
from ..models.shared_result import SharedResult


class ModelCopies:
    """Made when they are first needed, kept until they are forgotten."""

    def __init__(self) -> None:
        self.made: tuple[LanguageModel, ...] = ()
        self._making: SharedResult[tuple[LanguageModel, ...]] = SharedResult()
        self._shared: tuple[tuple[int, ...], ReplicaDecoder] | None = None

    def share(
        self, decoder: Decoder, lm: LanguageModel, devices: Sequence[str]
    ) -> Decoder | ReplicaDecoder:
        """The decoder of `lm`, sharing its work with a copy on each of `devices`: the same one
        until decoder, weights or process change. Raises ValueError for a device that is not
        there."""
        if not devices:
            return decoder
        if not self.made:
            self._shared = None  # outdated copies make room for new ones
        copies = self.made or self._making.get(lambda: self._make(lm, devices))
        made_of = (os.getpid(), id(decoder), *map(id, copies))
        if (shared := self._shared) is None or shared[0] != made_of:  # other threads make theirs
            self._shared = shared = (made_of, ReplicaDecoder(decoder, copies))
        return shared[1]

    def _make(self, lm: LanguageModel, devices: Sequence[str]) -> tuple[LanguageModel, ...]:
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
