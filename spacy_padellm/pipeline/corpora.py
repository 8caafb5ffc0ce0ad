"""Readers for `[corpora]` of a config: annotated files of any format, and mixtures of corpora."""

import itertools
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..architectures.config_values import keeps_settings
from ..formats.annotated_text import FormatError, Problem
from ..formats.conversion import Conversion
from ..formats.doc_gold import LABELS, GoldSource
from ..formats.docbin import (
    AlignmentMode,
    Annotate,
    DocSettings,
    from_doc,
    moved,
    read_docs,
    to_doc,
)
from ..formats.files import is_blank
from ..formats.guess import Format, guess_input
from ..formats.reading import Reading
from ..formats.repeats import Repeats
from ..learning.held_out import PARTS, Part, is_in
from ..learning.mixture import draw
from ..logs import told
from ..spans.numeric import check_number
from .labels import read_labels

logger = logging.getLogger(__name__)
_IN_CONFIG = {"format": "`format` of the corpus"}
MOST_WEIGHT = 1_000  # an epoch holds its texts in memory that many times
Reader = Callable[[Language], Iterable[Example]]
Tokenise = Callable[[str], Doc]


class CorpusReader:
    """Gives the Examples of one file, and logs what of it could not be kept as it was.

    give: the Examples, and what was met so far.
    """

    def __init__(self, give: Callable[[Language, Reading], Iterator[Example]], mode: str) -> None:
        self._give = give
        self._mode = mode

    def __call__(self, nlp: Language) -> Iterator[Example]:
        reading = Reading(self._mode)
        yield from self._examples(nlp, reading)
        for message in what_is_new(messages_of(reading)):
            logger.warning("%s", message)

    def read(self, nlp: Language) -> tuple[list[Example], Reading]:
        """All Examples, and what was met, of which nothing is logged."""
        reading = Reading(self._mode)
        return list(self._examples(nlp, reading)), reading

    def _examples(self, nlp: Language, reading: Reading) -> Iterator[Example]:
        try:
            yield from self._give(nlp, reading)
        except FormatError as error:
            error.called(_IN_CONFIG)
            raise


@keeps_settings()
def make_corpus(
    path: str | Path | None,
    format: Format | None = None,
    labels: list[str] | None = None,
    limit: int = 0,
    annotate: Annotate = "both",
    spans_key: str = "sc",
    alignment_mode: AlignmentMode = "contract",
    part: Part | None = None,
    dev_share: float = 0.2,
) -> CorpusReader:
    """The reader "spacy_padellm.Corpus.v1": a `.spacy` file, or one that `padellm convert` reads.

    path: the file; or a folder, of a dataset that `save_to_disk` wrote, or of brat's files.
    format: as in `padellm convert --from`; None recognises it by name and content.
    labels: those that these texts were annotated for. In training and evaluation on them, the model
    is asked only for these; None for all.
    limit: texts to read, 0 for all.
    annotate, spans_key, alignment_mode: as in `padellm convert`. Docs of a `.spacy` file stay as
    they are, but "ents" and "spans" fill what is not annotated there from the other: the ents with
    the longest spans of the group, the group with the ents.
    part: "train" or "dev", to split a file without a development set; null reads the whole file. A
    hash of each text decides where it belongs: equal texts are on the same side, and every run has
    the same parts.
    dev_share: the share of the texts in "dev"; give both parts the same.

    Raises ValueError for invalid settings; FormatError, naming file and line, for what cannot be
    read, and for a file or a part without texts.
    """
    check_number("`limit` of the corpus", limit, least=0, whole=True)
    check_number("`dev_share` of the corpus", dev_share, above=0, most=1)
    if part not in (None, *PARTS):
        raise ValueError(f"`part` of the corpus is {part!r}: it must be 'train', 'dev' or null")
    asked = _looked_for(labels, "`labels` of the corpus")

    def read(nlp: Language, reading: Reading) -> Iterator[Example]:
        if path is None:
            raise ValueError("a corpus of the config has no path: set it, as by --paths.train")
        place = Path(path)
        if not place.exists():
            mend = "Correct the path in [corpora] or [paths]"
            raise FormatError(place, 0, "there is no such file", mend)
        source = format or guess_input(place)
        problems = reading.problems
        reading.lang = nlp.lang or reading.lang
        if source == "spacy":
            read_from = _seen(read_docs(place, nlp.vocab), place, spans_key, problems)
            docs = (moved(doc, annotate, spans_key) for doc in read_from)
        else:
            settings = DocSettings(annotate, spans_key, alignment_mode)
            conversion = Conversion(doc=settings, problems=problems, lang=reading.lang)
            conversion.spans, conversion.marked = reading.spans, reading.marked
            conversion.texts = reading.texts
            texts = conversion.read(place, source)
            docs = (to_doc(text, nlp, settings, problems) for text in texts)
        number = given = 0
        for number, doc in enumerate(docs, 1):
            if not is_in(part, doc.text, dev_share):
                continue
            if len(doc.text) > nlp.max_length:
                what = f"text {number} has more than nlp.max_length ({nlp.max_length:,}) characters"
                raise FormatError(place, 0, what, "Cut it into shorter ones or raise that")
            if asked is not None:
                doc._.set(LABELS, asked)
            yield make_example(nlp, doc)
            given += 1
            if given == limit:
                break
        if not number:
            raise _nothing(place, source)
        if not given:
            what = f"none of its {number} texts is in the part {part!r} (dev_share = {dev_share:g})"
            mend = "Add texts, change dev_share, or give texts for development in another file"
            raise FormatError(place, 0, what, f"{mend} (--dev of `padellm train`, or paths.dev)")

    return CorpusReader(read, alignment_mode)


def make_example(nlp: Language, doc: Doc) -> Example:
    """Of an annotated Doc, and one to predict on, which is asked for the labels that were looked
    for in the first: scores are of these."""
    predicted = nlp.make_doc(doc.text)
    predicted._.set(LABELS, doc._.get(LABELS))
    return Example(predicted, doc)


def _seen(
    docs: Iterable[Doc], path: Path, spans_key: str, problems: list[Problem]
) -> Iterator[Doc]:
    """The Docs. Those that contradict an earlier one are added to `problems`."""
    repeats = Repeats()
    for number, doc in enumerate(docs, 1):
        problem = repeats.see(from_doc(doc, spans_key, str(path), number))
        problems += [] if problem is None else [problem]
        yield doc


def _looked_for(labels: list[str] | None, setting: str) -> list[str] | None:
    """Raises ValueError, naming the setting, for what are no labels, or none at all."""
    if labels is not None and not labels:
        raise ValueError(f"{setting}: the list is empty; name some, or leave it out")
    found = read_labels(labels, setting)
    return None if found is None else list(found)


def messages_of(reading: Reading) -> list[str]:
    """What a user should know of a file that was read."""
    off = reading.say_off()
    if reading.n_moved and reading.mode != "strict":
        option = f"--alignment-mode {reading.mode}"
        off += f"; `padellm convert` leaves them out unless you pass {option}"
    others = reading.say_marked(), reading.say_repeated(), reading.say_others()
    return [message for message in (off, *others) if message]


def what_is_new(messages: list[str]) -> list[str]:
    """Those that nobody has told yet: a file may be read often."""
    news = [message for message in messages if not told[message]]
    told.update(messages)
    return news


def _nothing(path: Path, source: Format) -> FormatError:
    """What is wrong with a file that gives no text."""
    if path.is_file() and source not in ("spacy", "datasets") and is_blank(path):
        what, mend = "no text was read from it: it is empty", "Give a file with annotated texts"
        return FormatError(path, 0, what, mend)
    hint = {"table": "a header and no rows?", "prodigy": "was nothing accepted?"}.get(source, "")
    what = f"no text was read from it as {source}" + (f" ({hint})" if hint else "")
    return FormatError(path, 0, what, "Check the file, and its format ({format})", ("format",))


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
        name: _looked_for(given, f"`labels` of {name} in the mixture")
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
