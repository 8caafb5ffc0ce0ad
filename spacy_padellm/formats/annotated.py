"""What all formats read to and write from. Knows nothing of spaCy.

All offsets are characters of the text (Unicode code points), end exclusive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Span = tuple[int, int, str]
Place = tuple[int, int]


class FormatError(ValueError):
    """A file that cannot be read or written; the message names file, line and mend."""

    def __init__(self, path: Path | str, line: int, what: str, mend: str):
        super().__init__(f"{path}:{line}: {what}. {mend}" if line else f"{path}: {what}. {mend}")


@dataclass(frozen=True)
class AnnotatedText:
    """A text with labelled spans, which may nest and overlap.

    spans: (start, end, label), in the order of the text, the longer first; no two are equal.
    tokens: (start, end) of each token where the source gives them. meta: further keys of the
    source, JSON values. file, line: where the text was read, line 1 first. unknown: places (start,
    end) that nobody annotated; elsewhere there are no spans but those given. doc: the spaCy Doc
    that it was read from, where it was one.
    """

    text: str
    spans: tuple[Span, ...] = ()
    tokens: tuple[Place, ...] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    unknown: tuple[Place, ...] = ()
    doc: Any = field(default=None, compare=False, repr=False)

    @property
    def annotated(self) -> bool:
        """Whether anything is known of its spans."""
        return bool(self.spans) or not self.unknown or self.unknown != self._everywhere

    def without_annotation(self) -> "AnnotatedText":
        """The same text, of which nothing is known."""
        return replace(self, spans=(), unknown=self._everywhere)

    @property
    def _everywhere(self) -> tuple[Place, ...]:
        return ((0, len(self.text)),) if self.text else ()

    @property
    def overlaps(self) -> bool:
        """Whether two spans share a character."""
        return overlap(self.spans)

    def problem(self, span: Sequence[Any], reason: str, lost: bool = True) -> "Problem":
        """A `Problem` of a span of this text, (start, end, label)."""
        start, end, label = span
        around = self.text[max(start - 20, 0) : max(end, start) + 20]
        string = self.text[max(start, 0) : max(end, 0)]
        return Problem(self.file, self.line, start, end, label, string, around, reason, lost)


@dataclass(frozen=True)
class Problem:
    """A span that could not be kept as it was. lost: it is not in the output at all.

    start, end: None where the source gave no usable place. string: the span's text, excerpt: the
    text around it.
    """

    file: str
    line: int
    start: int | None
    end: int | None
    label: str
    string: str
    excerpt: str
    reason: str
    lost: bool = True

    @property
    def of_text(self) -> bool:
        """Whether it is of a text as a whole."""
        return not self.label and self.start == self.end


def overlap(spans: Iterable[Span]) -> bool:
    """Whether two of the spans share a character."""
    reached = 0
    for start, end, _ in sorted(spans):
        if start < reached:
            return True
        reached = max(reached, end)
    return False


def in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in the order of the text, the longer first."""
    return tuple(sorted(spans, key=lambda span: (span[0], -span[1], span[2])))


def annotate(
    text: str,
    spans: Iterable[Sequence[Any]],
    tokens: Sequence[Place] | None = None,
    meta: dict[str, Any] | None = None,
    path: Path | str = "",
    line: int = 0,
    problems: list[Problem] | None = None,
) -> AnnotatedText:
    """An `AnnotatedText` of spans that a file gives, checked.

    Spans outside the text, empty ones and repeated ones are left out and added to `problems`.
    Raises FormatError for values of the wrong type.
    """
    if not isinstance(text, str):
        what = f"the text is {_kind(text)}"
        raise FormatError(path, line, what, "Give it as a JSON string")
    if not _is_unicode(text):
        what = "the text holds half of a surrogate pair, which is no character"
        raise FormatError(path, line, what, "Write the character itself or its two halves")
    bare = AnnotatedText(text, file=str(path), line=line)
    kept: set[Span] = set()
    problems = [] if problems is None else problems
    for span in spans:
        start, end, label = _checked(span, path, line)
        if not 0 <= start < end <= len(text):
            outside = f"is outside the text of {len(text)} characters"
            reason = "is empty" if start == end else outside
            problems.append(bare.problem((start, end, label), reason))
        elif (start, end, label) in kept:
            problems.append(bare.problem((start, end, label), "is given twice"))
        else:
            kept.add((start, end, label))
    places = None if tokens is None else tuple((start, end) for start, end in tokens)
    return AnnotatedText(text, in_order(kept), places, dict(meta or {}), str(path), line)


def _checked(span: Sequence[Any], path: Path | str, line: int) -> Span:
    match span:
        case [int(start), int(end), str(label)] if label and _is_unicode(label):
            if not isinstance(start, bool) and not isinstance(end, bool):
                return start, end, label
    what = f"{span!r} is no span"
    mend = "A span is [start, end, label]: two whole numbers (characters, end exclusive) and a name"
    raise FormatError(path, line, what, mend)


def _is_unicode(string: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in string)


def _kind(value: Any) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"
