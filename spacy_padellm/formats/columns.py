"""One token a line with its tag in a column: CoNLL, IOB, IOB2, BIO, BIOES, BILUO, BMES.

A blank line ends a sentence, a line -DOCSTART- begins a document, lines "# name = value" are
comments; "# text = ..." gives the text itself. Overlapping spans take several tag columns.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.training.iob_utils import iob_to_biluo, tags_to_entities

from ..plurals import count
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .detokenize import detokenize, join_tokens, search_tokens
from .files import BOM, read_lines, write_lines
from .gold_text import Place, Span
from .sentence_lines import DOCUMENT, SentenceLines, numbers_words, read_sentences
from .token_spans import TokenSpans

_BLANKS = re.compile(r"[ \t]+")  # no others: a no-break space may be a token
_BREAKS = " \t\r\n"
_TAG = re.compile(r"O|([BIELUSMW])[-_](.+)")
_BILUO = {"E": "L", "S": "U", "W": "U", "M": "I"}
# Why the spacing of a text is lost. JOINED: a comment would keep it.
JOINED = "tokens in columns are joined by blanks when they are read"
_LINE_ENDS = "columns have no place for line ends, not even in a comment"
_OTHER = "the tokens do not make up the text"
_MARK = f"a token {DOCUMENT} would be read as the mark of a document"


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
    read: SentenceLines
    width: int = 0


def read(
    path: Path, columns: Columns | None = None, problems: list[Problem] | None = None
) -> Iterator[AnnotatedText]:
    """One text a sentence, with its tokens. meta["document"]: its document, from 0, if marked.
    Raises FormatError for a line without the columns, or with a tag of no known scheme, and for a
    file whose tokens are all ids of words."""
    columns = columns or Columns()
    problems = [] if problems is None else problems
    for sentence in _check_ids(path, _sentences(path, columns, problems)):
        text, places = _place(sentence, columns)
        if sentence.read.text not in (None, text):
            given = AnnotatedText(text, file=str(path), line=sentence.line)
            reason = "the text of the comment is not made of these tokens, which are joined instead"
            problems.append(given.left_out(reason, lost=False))
        spans = [span for tags in sentence.tags for span in spans_of(tags, places)]
        document = sentence.read.document
        meta = {} if document is None else {"document": document}
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
    sentence, so that its spacing is kept. Spans off the tokens are added to `problems`, and so is
    each text that comes back with other spacing. White space has no line; a text of nothing else,
    or with a token that marks a document, is left out and added to `problems`.
    Raises FormatError for a text that is not tokenised, or a token that holds the separator.
    """
    problems = [] if problems is None else problems
    separator = (columns and columns.separator) or "\t"
    rows = [(text, *_layers(text, problems)) for text in texts]
    for text, tokens, _ in rows:
        if not tokens:
            empty = "the text has no characters to write"
            problems.append(text.left_out(_MARK if DOCUMENT in text.text else empty))
        else:
            problems += _respaced(text, tokens, comments)
    width = max((len(layers) for _, _, layers in rows), default=1) or 1
    write_lines(path, _lines(path, rows, width, separator, comments))
    return width


def _sentences(path: Path, columns: Columns, problems: list[Problem]) -> Iterator[_Sentence]:
    width = 0
    for found in read_sentences(read_lines(path), columns.token != 0):
        sentence = _Sentence(found.lines[0][0], [], [[] for _ in columns.tags], found)
        for number, line in found.lines:
            fields = columns.split(line)
            token, tags = _read(path, number, line, fields, columns)
            sentence.tokens.append(token)
            for layer, tag in zip(sentence.tags, tags, strict=True):
                layer.append(tag)
            if len(fields) != (width or len(fields)):
                if BOM in line:
                    mend = "Put a line end there: files were joined, it seems"
                    raise FormatError(path, number, "a byte order mark amid the line", mend)
                bare = AnnotatedText(line, file=str(path), line=number)
                reason = f"{count(len(fields), 'column')} where the line before has {width}"
                problems.append(bare.left_out(reason, lost=False))
            width = len(fields)
        sentence.width = width
        problems += _tagged(path, found.no_words, columns)
        yield sentence


def _tagged(path: Path, lines: Iterable[tuple[int, str]], columns: Columns) -> Iterator[Problem]:
    """Entities of lines that are no tokens."""
    for number, line in lines:
        fields = columns.split(line)
        tags = [fields[column] for column in columns.tags if -len(fields) <= column < len(fields)]
        for match in filter(None, map(_TAG.fullmatch, tags)):
            if match[1]:
                where = (str(path), number, None, None)
                reason = f"is a tag of {fields[0]}, a range of words or an empty node of CoNLL-U"
                yield Problem(*where, match[2], "", line[:40], reason)


def _read(
    path: Path, number: int, line: str, fields: list[str], columns: Columns
) -> tuple[str, list[str]]:
    try:
        if len(fields) < 2:
            raise IndexError
        token, tags = fields[columns.token], [fields[column] for column in columns.tags]
    except IndexError:
        wanted = ", ".join(map(str, (columns.token, *columns.tags)))
        what = f"{count(len(fields), 'column')} in {line!r}, expected the columns {wanted}"
        mend = "Set {separator}, {column_token} and {column_tag} to those of the file"
        settings = ("separator", "column_token", "column_tag")
        raise FormatError(path, number, what, mend, settings) from None
    if not token:
        raise FormatError(path, number, f"no token in {line!r}", "Remove the line or add the token")
    return token, [biluo_tag(path, number, tag, in_columns=True) for tag in tags]


def biluo_tag(path: Path, number: int, tag: str, in_columns: bool = False) -> str:
    """A tag of any scheme as BILUO. in_columns: it is from a column that is set by number. Raises
    FormatError for what is not a tag."""
    match = _TAG.fullmatch(tag)
    if not match:
        what = f"{tag!r} is not a tag"
        mend = "A tag is O, or B-, I-, E-, S-, L-, U- or M- and the label"
        if not in_columns:
            raise FormatError(path, number, what, mend)
        mend += ". If the tags are in another column, name that with {column_tag}"
        raise FormatError(path, number, what, mend, ("column_tag",))
    prefix, label = match.groups()
    return f"{_BILUO.get(prefix, prefix)}-{label}" if prefix else "O"


def spans_of(tags: Sequence[str], places: Sequence[Place]) -> list[Span]:
    """Of BILUO tags of tokens at these places."""
    found = tags_to_entities(iob_to_biluo(_close(tags)))
    return [(places[first][0], places[last][1], label) for label, first, last in found]


def _close(tags: Sequence[str]) -> list[str]:
    """What follows the end of a mention (L-, U-) begins another; spaCy would go on with it."""
    closed = list(tags)
    for i in range(1, len(closed)):
        if tags[i - 1].startswith(("L-", "U-")) and tags[i].startswith(("I-", "L-")):
            closed[i] = ("B" if tags[i].startswith("I-") else "U") + tags[i][1:]
    return closed


def _check_ids(path: Path, sentences: Iterator[_Sentence]) -> Iterator[_Sentence]:
    """Raises FormatError where the tokens of all sentences are ids, as of one whose text says
    otherwise."""
    held = []
    for sentence in sentences:
        held.append(sentence)
        text = sentence.read.text
        if not numbers_words(sentence.tokens):
            break
        if text is not None and search_tokens(text, sentence.tokens) is None:
            raise _numbered(path, sentence)
    else:
        if any(len(sentence.tokens) > 1 for sentence in held) and held[-1].width > 2:
            raise _numbered(path, held[0])
    yield from held
    yield from sentences


def _numbered(path: Path, sentence: _Sentence) -> FormatError:
    mend = "Set {column_token} to the column of the words, for example 1"
    what = "this column numbers the words"
    return FormatError(path, sentence.line, what, mend, ("column_token",))


def _place(sentence: _Sentence, columns: Columns) -> tuple[str, list[Place]]:
    """The text, and each token's characters."""
    if sentence.read.text is not None:
        places = search_tokens(sentence.read.text, sentence.tokens)
        if places is not None:
            return sentence.read.text, places
    tokens = sentence.tokens
    return join_tokens(tokens, detokenize(tokens, columns.join_sigils) if columns.spacing else None)


def _layers(text: AnnotatedText, problems: list[Problem]) -> tuple[list[str], list[list[str]]]:
    """The tokens, and as many columns of tags as the overlaps need; the outer spans first. None of
    a text with a token that marks a document."""
    tokens = TokenSpans(text, _BREAKS)
    layers: list[list[str]] = []
    if any(token.startswith(DOCUMENT) for token in tokens.strings):
        problems += [text.problem(span, _MARK) for span in text.spans]
        return [], []
    by_length = sorted(text.spans, key=lambda span: (span[0] - span[1], span))
    for start, end, label in by_length:
        inside = tokens.on(start, end)
        if inside is None:
            problems.append(
                text.problem((start, end, label), "is not on token boundaries", off=True)
            )
            continue
        layer = next((row for row in layers if all(row[i] == "O" for i in inside)), None)
        if layer is None:
            layer = ["O"] * len(tokens.places)
            layers.append(layer)
        for i in inside:
            layer[i] = f"{'B' if i == inside[0] else 'I'}-{label}"
    return tokens.strings, layers


def _respaced(text: AnnotatedText, tokens: list[str], comments: bool) -> Iterator[Problem]:
    """That a text comes back with other spacing, if it does."""
    back = join_tokens([token.strip(" ") for token in tokens])[0]
    if text.text == back:
        return
    if not _is_line(text.text):
        yield text.respaced(back, _LINE_ENDS)
    elif search_tokens(text.text, tokens) is None:
        yield text.respaced(back, _OTHER)
    elif not comments:
        yield text.respaced(back, JOINED)


def _is_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text


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
        if comments and _is_line(text.text):
            yield f"# text = {text.text}"
        columns = [tokens, *layers, *([["O"] * len(tokens)] * (width - len(layers)))]
        for fields in zip(*columns, strict=True):
            line = separator.join(fields)
            if line.split(separator) != [*fields] or "\n" in line or "\r" in line:
                what = f"the token {fields[0]!r} or its tag holds the separator or a line break"
                where = text.file or path, text.line
                raise FormatError(*where, what, "Set another {separator}", ("separator",))
            yield line
        yield ""
