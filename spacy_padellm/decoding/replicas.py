"""One decoder for each copy of a model: batches go to whichever is free."""

import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..lm import LanguageModel
from ..types import Prediction
from .decoder import Batch, Decoder, TextInput, in_order


class ReplicaDecoder:
    """Decodes as the decoder does, on several copies of its model; results keep their order."""

    def __init__(self, decoder: Decoder, copies: Sequence[LanguageModel]) -> None:
        self.decoders = [decoder, *map(decoder.on, copies)]
        self._free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        for each in self.decoders:
            self._free.put(each)
        self._pool = ThreadPoolExecutor(len(self.decoders), "padellm-replica")

    def __reduce__(self) -> tuple[Any, ...]:
        """Threads stay where they are; a copy makes its own."""
        first, *others = self.decoders
        return ReplicaDecoder, (first, [decoder.lm for decoder in others])

    def predict(self, texts: Sequence[TextInput | str], labels: Sequence[str]) -> list[Prediction]:
        """As `Decoder.predict`, and raises what it raises."""
        return self.decode(self.plan(texts, labels))

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str]) -> list[Batch]:
        """As `Decoder.plan`, with a batch for each decoder, where there are texts enough."""
        return self.decoders[0].plan(texts, labels, parts=len(self.decoders))

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        """As `Decoder.decode`."""
        return in_order(batches, self._pool.map(self._run, batches))

    def _run(self, batch: Batch) -> list[Prediction]:
        decoder = self._free.get()
        try:
            return decoder.run(batch)
        finally:
            self._free.put(decoder)
