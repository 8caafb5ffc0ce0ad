"""One decoder for each copy of a model: batches go to whichever is free."""

import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

from ..lm.session import SessionModel
from ..spans.prediction import Prediction
from .decoder import Batch, Decoder, DecodingWork, TextInput, in_order

Waiting = queue.SimpleQueue[tuple[int, Batch]]


class ReplicaDecoder:
    """Decodes as the decoder does, on several copies of its model; results keep their order.

    Each copy has a thread of its own, since CUDA graphs belong to the thread that recorded them.
    """

    def __init__(self, decoder: Decoder, copies: Sequence[SessionModel]) -> None:
        decoders = [decoder, *map(decoder.on, copies)]
        self._crew = [(one, ThreadPoolExecutor(1, "padellm-replica")) for one in decoders]

    @property
    def decoders(self) -> list[Decoder]:
        return [decoder for decoder, _ in self._crew]

    @property
    def work(self) -> DecodingWork:
        """Of all copies together."""
        works = zip(*(astuple(decoder.work) for decoder in self.decoders), strict=True)
        return DecodingWork(*map(sum, works))

    def predict(self, texts: Sequence[TextInput | str], labels: Sequence[str]) -> list[Prediction]:
        """As `Decoder.predict`, and raises what it raises."""
        return self.decode(self.plan(texts, labels))

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str]) -> list[Batch]:
        """As `Decoder.plan`, with a batch for each decoder, where there are texts enough."""
        return self.decoders[0].plan(texts, labels, parts=len(self.decoders))

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        """As `Decoder.decode`."""
        waiting: Waiting = queue.SimpleQueue()
        for numbered in enumerate(batches):
            waiting.put(numbered)
        # With few batches, not always the same copies; several threads may be here at once.
        first, *others = self._crew
        self._crew = [*others, first]
        runs = [thread.submit(_work, decoder, waiting) for decoder, thread in (*others, first)]
        found: dict[int, list[Prediction]] = {}
        for run in runs:
            found.update(run.result())
        return in_order(batches, [found[i] for i in range(len(batches))])


def _work(decoder: Decoder, waiting: Waiting) -> dict[int, list[Prediction]]:
    """Decodes batches until none is left."""
    found: dict[int, list[Prediction]] = {}
    while True:
        try:
            i, batch = waiting.get_nowait()
        except queue.Empty:
            return found
        found[i] = decoder.run(batch)
