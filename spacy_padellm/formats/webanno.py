"""WebAnno TSV 3.x, which INCEpTION exports: a token a line, a column for each feature of a layer.

Offsets count UTF-16 units of the document. A text is a sentence, as of columns.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..plurals import count
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .files import read_lines
from .gold_text import Place, Span
from .webanno_cells import read_spans, says_something
from .webanno_escapes import unescaping
from .webanno_layers import Layer, read_layers
from .webanno_places import Row, place_rows

FORMAT = "#FORMAT=WebAnno TSV 3"
_TEXT = "#Text="


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """One text a sentence, with its tokens; its spans are those of the layers of named entities, or
    of all layers that are not linguistic where there is none.

    Spans without a value, spans of tokens that are apart, and of several sentences, are left out
    and added to `problems`; there it is said, too, which layers and features are not read, and
    where a document has no layer of entities: INCEpTION leaves out a layer that nobody used.
    Raises FormatError for a file of another format, and for a line that does not fit the head.
    """
    problems = [] if problems is None else problems
    document = _divide(path)
    sentences = document.sentences
    if not sentences:
        return
    reader = _Reader(path, document, problems)
    read = [reader.place(sentence) for sentence in sentences]
    for sentence, rows in zip(sentences, read, strict=True):
        yield reader.read(sentence, rows)
    reader.report()


@dataclass
class _Sentence:
    line: int
    text: str
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass
class _Document:
    """unescape: what reads its texts. heads: its layers, a line each."""

    unescape: Callable[[str], str]
    heads: list[str] = field(default_factory=list)
    sentences: list[_Sentence] = field(default_factory=list)


def _divide(path: Path) -> _Document:
    """Raises FormatError for a file of another format."""
    lines = read_lines(path)
    number, first = next(lines, (1, ""))
    if not first.startswith(FORMAT):
        what = f"the first line is {first[:40]!r}, not {FORMAT}.3"
        raise FormatError(path, number, what, "Export the document as WebAnno TSV v3.3")
    document = _Document(unescaping(first[len(FORMAT) - 1 :]))
    sentences = document.sentences
    last = 0  # line of a text without tokens so far
    for number, line in lines:
        if line.startswith(_TEXT):
            text = document.unescape(line[len(_TEXT) :])
            if last == number - 1 and sentences:
                sentences[-1].text += "\n" + text
            else:
                sentences.append(_Sentence(number, text))
            last = number
        elif line.startswith("#T_") and not sentences:
            document.heads.append(line)
        elif sentences and line.strip() and not line.startswith("#"):
            sentences[-1].rows.append((number, line.split("\t")))
    return document


class _Reader:
    """Sentence by sentence; ids of spans hold in the whole file."""

    def __init__(self, path: Path, document: _Document, problems: list[Problem]) -> None:
        self.path, self.problems, self._unescape = path, problems, document.unescape
        self.layers = read_layers(document.heads)
        self._width = 3 + sum(layer.width for layer in self.layers)
        self._sentences: dict[tuple[str, str], set[int]] = {}  # of each span with an id
        self._unread: Counter[str] = Counter()
        self._used: Counter[str] = Counter()

    def place(self, sentence: _Sentence) -> list[Row]:
        """The rows of a sentence; notes where its spans are. Raises FormatError for a line without
        the columns that the head names."""
        for number, fields in sentence.rows:
            if len(fields) < self._width or any(one.strip() for one in fields[self._width :]):
                what = f"{count(len(fields), 'column')}, and the head names {self._width}"
                raise FormatError(self.path, number, what, "Export the document anew")
        where = (self.path, sentence.line, sentence.text, sentence.rows)
        rows = place_rows(*where, self.problems, self._unescape)
        for layer, columns in self._columns(rows):
            for row, cells in zip(rows, columns, strict=True) if layer.is_read else ():
                for key, _ in read_spans(self.path, row.line, layer, cells):
                    if key:
                        self._sentences.setdefault((layer.name, key), set()).add(sentence.line)
        return rows

    def _columns(self, rows: list[Row]) -> Iterator[tuple[Layer, list[list[str]]]]:
        column = 3
        for layer in self.layers:
            yield layer, [row.fields[column : column + layer.width] for row in rows]
            column += layer.width

    def read(self, sentence: _Sentence, rows: list[Row]) -> AnnotatedText:
        spans, lines = [], []
        for layer, fields in self._columns(rows):
            for span, line in self._spans(sentence, layer, rows, fields):
                spans.append(span)
                lines.append(line)
        tokens = [row.place for row in rows if not row.is_part]
        where = (self.path, sentence.line)
        return annotate(sentence.text, spans, tokens, None, *where, self.problems, lines)

    def _spans(
        self, sentence: _Sentence, layer: Layer, rows: list[Row], fields: list[list[str]]
    ) -> Iterator[tuple[Span, int]]:
        found: dict[str, list[int]] = {}
        labels: dict[str, str | None] = {}
        for i, cells in enumerate(fields):
            if not layer.is_read:
                self._unread[layer.name] += any(cell not in ("_", "") for cell in cells)
                continue
            for j, name in enumerate(layer.features):
                if j != layer.label and says_something(cells[j]):
                    self._unread[f"{layer.short}.{name}"] += 1
            for k, (name, value) in enumerate(read_spans(self.path, rows[i].line, layer, cells)):
                key = name or f"{rows[i].line}.{k}"
                found.setdefault(key, []).append(i)
                labels[key] = value
        for key, at in found.items():
            label = labels[key] or ""
            span = (rows[at[0]].place[0], rows[at[-1]].place[1], label)
            reason = ""
            if len(self._sentences.get((layer.name, key), ())) > 1:
                reason = "is in several sentences, and a text is one sentence"
            elif not label:
                reason = f"has no value in the layer {layer.short}"
            elif _apart(rows, at):
                reason = "is of tokens that are apart, which no span of a Doc can have"
            line = rows[at[0]].line
            if reason:
                bare = AnnotatedText(sentence.text, file=str(self.path), line=line)
                self.problems.append(bare.problem(span, reason))
                continue
            self._used[layer.short] += 1
            yield span, line

    def report(self) -> None:
        """What of the file is not read, and of which layers spans are."""
        bare = AnnotatedText("", file=str(self.path), line=1)
        if not any(layer.is_read for layer in self.layers):
            names = ", ".join(layer.short for layer in self.layers) or "none"
            reason = f"no layer of entities (layers: {names}): read as texts without any"
            self.problems.append(bare.left_out(reason, lost=False))
        unread = ", ".join(f"{name} ({n})" for name, n in self._unread.items() if n)
        if unread:
            self.problems.append(bare.left_out(f"not read: {unread}", lost=False))
        if len(self._used) > 1:
            names = ", ".join(f"{name} ({n})" for name, n in self._used.items())
            reason = f"spans of {len(self._used)} layers are read together: {names}"
            self.problems.append(bare.left_out(reason, lost=False))


def _apart(rows: list[Row], at: list[int]) -> bool:
    """Whether a token between these is left out. A token that has parts stands before them."""
    covered = {i for i in range(at[0], at[-1] + 1)} - set(at)
    inside = (rows[at[0]].place[0], rows[at[-1]].place[1])
    return any(
        not rows[i].is_part
        and inside[0] <= rows[i].place[0]
        and rows[i].place[1] <= inside[1]
        and not any(rows[j].is_part and _within(rows[j].place, rows[i].place) for j in at)
        for i in covered
    )


def _within(part: Place, whole: Place) -> bool:
    return whole[0] <= part[0] and part[1] <= whole[1]
