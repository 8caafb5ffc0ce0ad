"""One decoder for each copy of a model: batches go to whichever is free."""

import itertools
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

from ..lm.session import SessionModel
from ..spans.prediction import Prediction
from .decoder import Decoder
from .text_decoder import Batch, TextDecoder, TextInput, in_order

Waiting = queue.SimpleQueue[tuple[int, Batch]]


@dataclass(eq=False)
class Replica:
    """A copy of a model, with a thread of its own: CUDA graphs belong to the one that recorded
    them."""

    lm: SessionModel
    thread: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, 1, "padellm-replica")
    )


class ReplicaDecoder(TextDecoder):
    """Decodes as the decoder does, on several copies of its model; results keep their order.

    replicas: gives them, as they are now. They are not held here, so that those with outdated
    weights make room for new ones.
    """

    def __init__(self, decoder: Decoder, replicas: Callable[[], Sequence[Replica]]) -> None:
        self.lm, self.encoder = decoder.lm, decoder.encoder
        self.settings, self.work = decoder.settings, decoder.work
        self._decoder = decoder
        self.replicas = replicas
        self._decoders: WeakKeyDictionary[Replica, Decoder] = WeakKeyDictionary()
        self._calls = itertools.count()

    def decoder_on(self, replica: Replica) -> Decoder:
        """The same one as long as there is the replica."""
        if (known := self._decoders.get(replica)) is not None:
            return known
        return self._decoders.setdefault(replica, self._decoder.on(replica.lm))

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()) -> list[Batch]:
        """As `Decoder.plan`, with a batch for each replica, where there are texts enough."""
        return self._decoder.plan(texts, labels, parts=len(self.replicas()))

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        """As `Decoder.decode`."""
        waiting: Waiting = queue.SimpleQueue()
        for numbered in enumerate(batches):
            waiting.put(numbered)
        replicas = self.replicas()
        # With few batches, not always the same copies; several threads may be here at once.
        first = next(self._calls) % len(replicas)
        runs = [
            replica.thread.submit(_work, self.decoder_on(replica), waiting)
            for replica in (*replicas[first:], *replicas[:first])
        ]
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
