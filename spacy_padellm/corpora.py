"""Readers for `[corpora]` of a config: annotated files of any format, and mixtures of corpora."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from spacy.language import Language
from spacy.training import Example

from .doc_gold import LABELS, GoldSource
from .formats.annotated import FormatError, Problem
from .formats.conversion import Conversion
from .formats.docbin import AlignmentMode, Annotate, DocSettings, read_docs, to_doc
from .formats.guess import Format, guess_input

Reader = Callable[[Language], Iterable[Example]]


def make_corpus(
    path: str | Path | None,
    format: Format | None = None,
    labels: list[str] | None = None,
    limit: int = 0,
    annotate: Annotate = "auto",
    spans_key: str = "sc",
    alignment_mode: AlignmentMode = "contract",
) -> Reader:
    """The reader "spacy_padellm.Corpus.v1": a `.spacy` file, or one that `padellm convert` reads.

    format: None tells it from name and content. labels: those that were looked for in these
    texts, the only ones that a model is asked for when it learns from them; None for all.
    limit: texts to read, 0 for all. annotate, spans_key, alignment_mode: as `padellm convert`
    has them.

    Raises FormatError, naming file and line, for what cannot be read.
    """

    def read(nlp: Language) -> Iterator[Example]:
        if path is None:
            raise ValueError("a corpus of the config has no path: set it, as by --paths.train")
        place = Path(path)
        if not place.exists():
            mend = "Correct the path in [corpora] or [paths]"
            raise FormatError(place, 0, "there is no such file", mend)
        source = format or guess_input(place)
        if source == "spacy":
            docs = read_docs(place, nlp.vocab)
        else:
            problems: list[Problem] = []
            settings = DocSettings(annotate, spans_key, alignment_mode)
            texts = Conversion(doc=settings, problems=problems).read(place, source)
            docs = (to_doc(text, nlp, settings, problems) for text in texts)
        for doc in itertools.islice(docs, limit or None):
            if labels is not None:
                doc._.set(LABELS, labels)
            yield Example(nlp.make_doc(doc.text), doc)

    return read


def make_mixture(
    corpora: dict[str, Reader],
    weights: dict[str, float] | None = None,
    labels: dict[str, list[str] | None] | None = None,
    annotate: str = "ents",
    spans_key: str = "sc",
    seed: int = 0,
) -> Reader:
    """The reader "spacy_padellm.Mixture.v1": several corpora, each with labels of its own.

    weights: how often an epoch reads each; 1 once, 0.5 a random half (another one each epoch), 3
    three times; 1 where none is given. labels: those that were annotated in each; for a corpus
    that is not named, or null, those that its annotations have. A text is asked for these alone:
    that a corpus of diseases marks no persons does not teach that there are none.

    Raises ValueError for weights or labels of corpora that do not exist.
    """
    for name, given in (("weights", weights), ("labels", labels)):
        if unknown := set(given or {}) - set(corpora):
            raise ValueError(
                f"{name} of the mixture names {', '.join(sorted(unknown))}: the corpora are "
                f"{', '.join(corpora)}"
            )
    if bad := [name for name, weight in (weights or {}).items() if weight < 0]:
        raise ValueError(f"weights of the mixture: {bad[0]} is below 0")
    return _Mixture(corpora, weights or {}, labels or {}, GoldSource(annotate, spans_key), seed)


class _Mixture:
    def __init__(
        self,
        corpora: Mapping[str, Reader],
        weights: Mapping[str, float],
        labels: Mapping[str, list[str] | None],
        gold: GoldSource,
        seed: int,
    ) -> None:
        self.corpora = corpora
        self.weights = weights
        self.labels = dict(labels)
        self.gold = gold
        self.seed = seed
        self.epoch = 0

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """An epoch: all corpora by their weights, shuffled."""
        rng = random.Random(f"{self.seed} {self.epoch}")
        self.epoch += 1
        drawn = [eg for name in self.corpora for eg in self._draw(name, nlp, rng)]
        rng.shuffle(drawn)
        yield from drawn

    def _draw(self, name: str, nlp: Language, rng: random.Random) -> Iterator[Example]:
        examples = list(self.corpora[name](nlp))
        labels = self._labels(name, examples)
        for example in examples:
            if not example.reference._.get(LABELS):
                example.reference._.set(LABELS, labels)
        weight = self.weights.get(name, 1.0)
        for _ in range(int(weight)):
            yield from examples
        yield from rng.sample(examples, round((weight % 1) * len(examples)))

    def _labels(self, name: str, examples: Iterable[Example]) -> list[str]:
        given = self.labels.get(name)
        if given is not None:
            return given
        spans = (span for eg in examples for span in self.gold.spans(eg.reference) or ())
        found = sorted({span.label_ for span in spans})
        self.labels[name] = found
        return found
