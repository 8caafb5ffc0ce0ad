"""The batches of a spaCy config as steps of training, shared out among processes."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacy.language import Language
from spacy.training import Example

from ...learning.examples import TrainingText
from ..trainer import Step

Batches = Iterator[tuple[float, Sequence[Example]]]
Encode = Callable[[Sequence[Example], random.Random], list[TrainingText]]


@dataclass(frozen=True)
class ConfigSteps:
    """Steps in the order that the seed gives, the same for any number of processes.

    A step is one batch of `batcher`, as `spacy train` has it; each process takes its share.

    corpus: `[training] train_corpus`. max_epochs: 0 for no end; -1 reads the corpus as a stream
    that is never held in memory or shuffled. encode: Examples to texts; its random numbers
    depend on the step alone. first: the step to go on from. before_update: of `[training]`.
    on_read: is given all texts before the first step, unless they are a stream.
    """

    nlp: Language
    corpus: Callable[[Language], Iterable[Example]]
    batcher: Callable[[Iterable[Example]], Iterable[Sequence[Example]]]
    max_epochs: int
    encode: Encode
    seed: int = 0
    first: int = 0
    process: int = 0
    n_processes: int = 1
    before_update: Callable[[Language, dict[str, int]], None] | None = None
    on_read: Callable[[Sequence[Example]], None] = lambda examples: None

    def __iter__(self) -> Iterator[Step]:
        for number, (epoch, batch) in enumerate(self._batches()):
            if number < self.first:
                continue
            if self.before_update is not None:
                self.before_update(self.nlp, {"step": number, "epoch": int(epoch)})
            share = share_out(batch, self.process, self.n_processes)
            texts = self.encode(share, random.Random(f"{self.seed} {number}"))
            yield Step(number, epoch, sum(map(len, batch)), texts)

    def _batches(self) -> Batches:
        """With the epoch that is reached. Raises ValueError for an empty corpus."""
        held = list(self.corpus(self.nlp)) if self.max_epochs >= 0 else None
        if held is not None:
            self.on_read(held)
        epoch = 0
        while self.max_epochs < 1 or epoch < self.max_epochs:
            examples: Iterable[Example]
            if held is None:
                examples = self.corpus(self.nlp)
            else:
                examples = list(held)
                random.Random(f"{self.seed} {epoch}").shuffle(examples)
            read = 0
            for batch in self.batcher(examples):
                batch = list(batch)
                read += len(batch)
                yield epoch + (read / max(len(held), 1) if held is not None else 0.0), batch
            if not read:
                raise ValueError("the training corpus is empty: see train_corpus in [training]")
            epoch += 1


def share_out(batch: Sequence[Example], process: int, n_processes: int) -> list[Example]:
    """The part of a batch that one process takes: about as many words as the others'."""
    by_length = sorted(range(len(batch)), key=lambda i: (-len(batch[i].reference), i))
    rounds = [by_length[i : i + n_processes] for i in range(0, len(batch), n_processes)]
    mine = []
    for number, dealt in enumerate(rounds):
        order = dealt if number % 2 == 0 else dealt[::-1]
        place = process if number % 2 == 0 else process - (n_processes - len(dealt))
        if 0 <= place < len(order):
            mine.append(order[place])
    return [batch[i] for i in sorted(mine)]
