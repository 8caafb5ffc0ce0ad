"""The reader for `[corpora]` of a config: annotated files of any format."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..architectures.config_values import keeps_settings
from ..formats.annotated_text import FormatError, Problem
from ..formats.conversion import Conversion
from ..formats.doc_gold import LABELS
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
from ..logs import told
from ..plurals import count
from ..spans.numeric import check_number
from .labels import read_labels

logger = logging.getLogger(__name__)
_IN_CONFIG = {"format": "`format` of the corpus"}


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
    asked = looked_for(labels, "`labels` of the corpus")

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
            given_texts = count(number, "text")
            what = f"none of its {given_texts} is in the part {part!r} (dev_share = {dev_share:g})"
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


def looked_for(labels: list[str] | None, setting: str) -> list[str] | None:
    """Raises ValueError, naming the setting, for what are not labels, or none at all."""
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
