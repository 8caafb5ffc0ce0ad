"""The reader for `[corpora]` of a config that mixes several corpora, each with its own labels."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..architectures.config_values import keeps_settings
from ..formats.doc_gold import LABELS, GoldSource
from ..learning.mixture import draw
from ..spans.numeric import check_number
from .corpora import CorpusReader, looked_for

MOST_WEIGHT = 1_000  # an epoch holds its texts in memory that many times
Reader = Callable[[Language], Iterable[Example]]
Tokenise = Callable[[str], Doc]


@keeps_settings()
def make_mixture(
    corpora: dict[str, Any],
    weights: dict[str, float] | None = None,
    labels: dict[str, list[str] | None] | None = None,
    spans_key: str = "sc",
    seed: int = 0,
    together: int = 1,
) -> Reader:
    """The reader "spacy_padellm.Mixture.v1": several corpora, each with its own labels.

    corpora: readers by name.
    weights: how often an epoch reads each: 1 once, 0.5 a random half (another one each epoch), 3
    three times; 1 by default.
    labels: those that each corpus was annotated for; if a corpus is not named, or null, those in
    its annotations. The model is asked only for these: a corpus of diseases that marks no persons
    does not teach that there are none.
    spans_key: of spans that count as annotation besides `doc.ents`.
    seed: for drawing and shuffling.
    together: how many texts of a corpus follow each other, where `max_epochs` is -1. A step is
    faster with fewer labels; if you have many, give as many texts as a batch has.

    Raises ValueError for weights or labels of corpora that do not exist, and for invalid ones.
    """
    for name, given in (("weights", weights), ("labels", labels)):
        if unknown := set(given or {}) - set(corpora):
            raise ValueError(
                f"{name} of the mixture names {', '.join(sorted(unknown))}: the corpora are "
                f"{', '.join(corpora)}"
            )
    for name, weight in (weights or {}).items():
        check_number(f"the weight of {name} in the mixture", weight, least=0, most=MOST_WEIGHT)
    asked = {
        name: looked_for(given, f"`labels` of {name} in the mixture")
        for name, given in (labels or {}).items()
    }
    if not any((weights or {}).get(name, 1) for name in corpora):
        raise ValueError("the mixture reads nothing: name corpora, with a weight above 0")
    check_number("`together` of the mixture", together, least=1, whole=True)
    gold = GoldSource("both", spans_key)
    return _Mixture(corpora, weights or {}, asked, gold, seed, together)


@dataclass(eq=False)
class _Mixture:
    corpora: Mapping[str, Reader]
    weights: Mapping[str, float]
    labels: dict[str, list[str] | None]
    gold: GoldSource
    seed: int
    together: int
    epoch: int = 0
    held: dict[str, tuple[Tokenise, list[Example]]] = field(default_factory=dict, repr=False)

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """An epoch: all corpora by their weights, shuffled. Files are read for the first epoch
        alone, and their texts held; other readers may give other texts for each."""
        rng = random.Random(f"{self.seed} {self.epoch}")
        self.epoch += 1
        read = ((self._read(name, nlp), self.weights.get(name, 1.0)) for name in self.corpora)
        runs = []
        for examples, weight in read:
            drawn = draw(examples, weight, rng)
            rng.shuffle(drawn)
            runs += [drawn[at : at + self.together] for at in range(0, len(drawn), self.together)]
        rng.shuffle(runs)
        yield from itertools.chain.from_iterable(runs)

    def _read(self, name: str, nlp: Language) -> list[Example]:
        tokenise, held = self.held.get(name, (None, []))
        if tokenise is nlp.tokenizer:
            return held
        corpus = self.corpora[name]
        examples = list(corpus(nlp))
        labels = self._labels(name, examples)
        for example in examples:
            if example.reference._.get(LABELS) is None:
                for doc in (example.reference, example.predicted):
                    doc._.set(LABELS, labels)
        if isinstance(corpus, CorpusReader):
            self.held[name] = nlp.tokenizer, examples
        return examples

    def _labels(self, name: str, examples: Iterable[Example]) -> list[str]:
        """Raises ValueError for a corpus without entities that nothing is said of."""
        given = self.labels.get(name)
        if given is None:
            golds = [self.gold.read(eg.reference) for eg in examples]
            if not any(golds):
                raise ValueError(
                    f"the corpus {name!r} of the mixture has no annotated text: leave it out, or "
                    f"correct `spans_key` of the mixture"
                )
            given = sorted({span[2] for gold in golds if gold for span in gold.spans})
        if not given:
            raise ValueError(
                f"the corpus {name!r} of the mixture has no entities: say in `labels` which were "
                f"looked for in it, such as {{{name!r}: ['PER']}}"
            )
        self.labels[name] = given
        return given
