"""One token a line with its tag in a column: CoNLL, IOB, IOB2, BIO, BIOES, BILUO, BMES.

A blank line ends a sentence, a line -DOCSTART- begins a document, lines "# name = value" are
comments; "# text = ..." gives the text itself. Overlapping spans take several tag columns.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.training.iob_utils import iob_to_biluo, tags_to_entities

from .annotated import AnnotatedText, FormatError, Place, Problem, annotate
from .detokenize import detokenize
from .files import read_lines, write_lines

DOCUMENT = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")  # no others: a no-break space may be a token
_BREAKS = " \t\r\n"
_COMMENT = re.compile(r"# +(?:[\w.:-]+ *=|newdoc\b|newpar\b)")
_TEXT = re.compile(r"# +text *= ?(.*)")
_TAG = re.compile(r"O|([BIELUSMW])[-_](.+)")
_NO_WORD = re.compile(r"\d+[-.]\d+\s")  # CoNLL-U: a range of words, or an empty node
_BILUO = {"E": "L", "S": "U", "W": "U", "M": "I"}


@dataclass(frozen=True)
class Columns:
    """Where things are in a line. Columns count from 0, from the end if negative.

    separator: None for a tab if the line has one, otherwise blanks. spacing: whether to space the
    tokens as in natural text instead of joining them by one blank. join_sigils: as `detokenize`.
    """

    token: int = 0
    tags: tuple[int, ...] = (-1,)
    separator: str | None = None
    spacing: bool = False
    join_sigils: bool = False

    def split(self, line: str) -> list[str]:
        """The fields of a line."""
        if self.separator is not None:
            return [field.strip(" ") or field for field in line.split(self.separator)]
        if "\t" in line:
            return [field.strip(" ") for field in line.split("\t")]
        return _BLANKS.split(line.strip(" \t"))


@dataclass
class _Sentence:
    line: int
    tokens: list[str]
    tags: list[list[str]]
    text: str | None
    document: int | None


def read(
    path: Path, columns: Columns | None = None, problems: list[Problem] | None = None
) -> Iterator[AnnotatedText]:
    """One text a sentence, with its tokens. meta["document"]: its document, from 0, if marked.

    Raises FormatError for a line without the columns, or with a tag of no known scheme.
    """
    columns = columns or Columns()
    for sentence in _sentences(path, columns):
        text, places = _place(path, sentence, columns)
        if problems is not None and sentence.text not in (None, text):
            given = AnnotatedText(text, file=str(path), line=sentence.line)
            reason = "the text of the comment is not made of these tokens, which are joined instead"
            problems.append(given.problem((0, 0, ""), reason, lost=False))
        spans = [
            (places[first][0], places[last][1], label)
            for tags in sentence.tags
            for label, first, last in entities_of(tags)
        ]
        meta = {} if sentence.document is None else {"document": sentence.document}
        yield annotate(text, spans, places, meta, path, sentence.line, problems)


def write(
    path: Path,
    texts: Iterable[AnnotatedText],
    columns: Columns | None = None,
    problems: list[Problem] | None = None,
    comments: bool = False,
) -> int:
    """One sentence a text, tags B- I- O. Returns the number of tag columns, 1 without overlaps.

    columns: only its separator counts, None is a tab. comments: a line "# text = ..." before each
    sentence, so that its spacing is kept. Spans off the tokens are added to `problems`. White
    space has no line; a text of nothing else is left out and added to `problems`.
    Raises FormatError for a text that is not tokenised, or a token that holds the separator.
    """
    separator = (columns and columns.separator) or "\t"
    rows = [(text, *_layers(text, problems)) for text in texts]
    if problems is not None:
        reason = "the text has no characters to write"
        problems += [
            text.problem((0, 0, ""), reason, False) for text, tokens, _ in rows if not tokens
        ]
    width = max((len(layers) for _, _, layers in rows), default=1) or 1
    write_lines(path, _lines(path, rows, width, separator, comments))
    return width


def _sentences(path: Path, columns: Columns) -> Iterator[_Sentence]:
    document: int | None = None
    text: str | None = None
    sentence: _Sentence | None = None
    for number, line in read_lines(path):
        is_start = line.startswith(DOCUMENT)
        if is_start or not line.strip(" \t"):
            if sentence:
                yield sentence
            sentence = text = None
            if is_start:
                document = 0 if document is None else document + 1
            continue
        if _COMMENT.match(line):
            given = _TEXT.match(line)
            text = given[1] if given else text
            continue
        if columns.token and _NO_WORD.match(line):
            continue
        if sentence is None:
            sentence = _Sentence(number, [], [[] for _ in columns.tags], text, document)
        token, tags = _fields(path, number, line, columns)
        sentence.tokens.append(token)
        for layer, tag in zip(sentence.tags, tags, strict=True):
            layer.append(tag)
    if sentence:
        yield sentence


def _fields(path: Path, number: int, line: str, columns: Columns) -> tuple[str, list[str]]:
    fields = columns.split(line)
    try:
        if len(fields) < 2:
            raise IndexError
        token, tags = fields[columns.token], [fields[column] for column in columns.tags]
    except IndexError:
        wanted = ", ".join(map(str, (columns.token, *columns.tags)))
        what = f"{len(fields)} column(s) in {line!r}, expected the columns {wanted}"
        mend = "Set --separator, --column-token and --column-tag to those of the file"
        raise FormatError(path, number, what, mend) from None
    if not token:
        raise FormatError(path, number, f"no token in {line!r}", "Remove the line or add the token")
    return token, [biluo_tag(path, number, tag) for tag in tags]


def biluo_tag(path: Path, number: int, tag: str) -> str:
    """A tag of any scheme as BILUO. Raises FormatError for what is no tag."""
    match = _TAG.fullmatch(tag)
    if not match:
        what = f"{tag!r} is no tag"
        mend = "A tag is O, or B-, I-, E-, S-, L-, U- or M- and the label; see --column-tag"
        raise FormatError(path, number, what, mend)
    prefix, label = match.groups()
    return f"{_BILUO.get(prefix, prefix)}-{label}" if prefix else "O"


def entities_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(label, first token, last token) of BILUO tags."""
    return tags_to_entities(iob_to_biluo(_close(tags)))


def _close(tags: Sequence[str]) -> list[str]:
    """What follows the end of a mention (L-, U-) begins another; spaCy would go on with it."""
    closed = list(tags)
    for i in range(1, len(closed)):
        if tags[i - 1].startswith(("L-", "U-")) and tags[i].startswith(("I-", "L-")):
            closed[i] = ("B" if tags[i].startswith("I-") else "U") + tags[i][1:]
    return closed


def _place(path: Path, sentence: _Sentence, columns: Columns) -> tuple[str, list[Place]]:
    """The text, and each token's characters."""
    if sentence.text is not None:
        places = _search(sentence.text, sentence.tokens)
        if places is not None:
            return sentence.text, places
        if sentence.tokens == [str(i) for i in range(1, len(sentence.tokens) + 1)]:
            what = "the first column numbers the words"
            mend = "Set --column-token to the column of the words, for example 1"
            raise FormatError(path, sentence.line, what, mend)
    tokens = sentence.tokens
    if columns.spacing:
        spaces = detokenize(tokens, columns.join_sigils)
    else:
        spaces = [True] * (len(tokens) - 1) + [False]
    places, end = [], 0
    for token, space in zip(tokens, spaces, strict=True):
        places.append((end, end + len(token)))
        end += len(token) + space
    pairs = zip(tokens, spaces, strict=True)
    return "".join(token + " " * space for token, space in pairs), places


def _search(text: str, tokens: Sequence[str]) -> list[Place] | None:
    """The places of tokens that make up a text with white space alone between them."""
    places, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        places.append((start, end))
    return None if text[end:].strip() else places


def _layers(
    text: AnnotatedText, problems: list[Problem] | None
) -> tuple[list[str], list[list[str]]]:
    """The tokens, and as many columns of tags as the overlaps need; the outer spans first."""
    if text.tokens is None:
        what = f"the text {text.text[:40]!r} has no tokens"
        raise FormatError(text.file, text.line, what, "Tokenise it, for example by way of .spacy")
    places = [(start, end) for start, end in text.tokens if text.text[start:end].strip(_BREAKS)]
    starts = {start: i for i, (start, _) in enumerate(places)}
    ends = {end: i for i, (_, end) in enumerate(places)}
    layers: list[list[str]] = []
    by_length = sorted(text.spans, key=lambda span: (span[0] - span[1], span))
    for start, end, label in by_length:
        if start not in starts or end not in ends:
            if problems is not None:
                problems.append(text.problem((start, end, label), "is not on token boundaries"))
            continue
        inside = range(starts[start], ends[end] + 1)
        layer = next((row for row in layers if all(row[i] == "O" for i in inside)), None)
        if layer is None:
            layer = ["O"] * len(places)
            layers.append(layer)
        for i in inside:
            layer[i] = f"{'B' if i == inside[0] else 'I'}-{label}"
    return [text.text[start:end] for start, end in places], layers


def _lines(
    path: Path,
    rows: Iterable[tuple[AnnotatedText, list[str], list[list[str]]]],
    width: int,
    separator: str,
    comments: bool,
) -> Iterator[str]:
    document = None
    for text, tokens, layers in rows:
        if text.meta.get("document", document) != document:
            document = text.meta["document"]
            yield from (DOCUMENT + f"{separator}O" * width, "")
        if not tokens:
            continue
        if comments and "\n" not in text.text and "\r" not in text.text:
            yield f"# text = {text.text}"
        columns = [tokens, *layers, *([["O"] * len(tokens)] * (width - len(layers)))]
        for fields in zip(*columns, strict=True):
            line = separator.join(fields)
            if line.split(separator) != [*fields] or "\n" in line or "\r" in line:
                what = f"the token {fields[0]!r} or its tag holds the separator or a line break"
                raise FormatError(text.file or path, text.line, what, "Set another --separator")
            yield line
        yield ""
