"""What all formats read to and write from. Knows nothing of spaCy.

All offsets are characters of the text (Unicode code points), end exclusive.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..plurals import count, verb
from .gold_text import GoldText, Place, Span
from .json_text import is_unicode
from .offset_units import fit_other_units

CONTEXT = 20
# Settings of reading and writing, as `padellm convert`, which has all of them, calls them.
OPTIONS = {
    "format": "--from",
    "output_format": "--to",
    "separator": "--separator",
    "column_token": "--column-token",
    "column_tag": "--column-tag",
    "labels_map": "--labels-map",
    "paper_indices": "--paper-indices",
}
# outside: of the text. empty: or ends before it begins. absent: the text does not have the string.
# unit: fits if it is counted otherwise. repeat: of a text, which was read before with other spans;
# renumbered: and another id. blank: of a file, in which nothing is.
Fault = Literal["", "outside", "empty", "absent", "unit", "repeat", "renumbered", "blank"]


class FormatError(ValueError):
    """A file that cannot be read or written; the message names file, line and mend.

    settings: those of `OPTIONS` that the mend speaks of, each in braces. Whoever catches the error
    tells what they are `called` there; the others are named as options of `padellm convert`.
    """

    def __init__(
        self, path: Path | str, line: int, what: str, mend: str, settings: Sequence[str] = ()
    ):
        super().__init__(path, line, what, mend, settings)
        self.path = Path(path)
        self._names: dict[str, str] = {}

    def called(self, names: Mapping[str, str]) -> "FormatError":
        """This error. names: of settings, as they are given to what reads the file."""
        self._names |= names
        return self

    def __str__(self) -> str:
        path, line, what, mend, settings = self.args
        if settings:
            mend = mend.format_map(OPTIONS | self._names)
        if rest := [name for name in settings if name not in self._names]:
            options = "an option" if len(rest) == 1 else "options"
            mend += f" ({options} of `python -m spacy padellm convert`: convert the file first)"
        return f"{path}:{line}: {what}. {mend}" if line else f"{path}: {what}. {mend}"


@dataclass(frozen=True)
class AnnotatedText:
    """A text with labelled spans, which may nest and overlap.

    spans: (start, end, label), in the order of the text, the longer first; no two are equal.
    tokens: (start, end) of each token where the source gives them. meta: further keys of the
    source, JSON values. file, line: where the text was read, line 1 first. unknown: places (start,
    end) that nobody annotated; elsewhere there are no spans but those given. labels: those that
    were looked for, None for all. doc: the spaCy Doc that it was read from, where it was one.
    """

    text: str
    spans: tuple[Span, ...] = ()
    tokens: tuple[Place, ...] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    unknown: tuple[Place, ...] = ()
    labels: tuple[str, ...] | None = None
    doc: Any = field(default=None, compare=False, repr=False)
    given: tuple[Place, ...] = field(default=(), compare=False, repr=False)

    @property
    def annotated(self) -> bool:
        """Whether anything is known of its spans."""
        return GoldText(self.text, self.spans, unknown=self.unknown).annotated

    def without_annotation(self) -> "AnnotatedText":
        """The same text, of which nothing is known."""
        return replace(self, spans=(), unknown=((0, len(self.text)),) if self.text else ())

    @property
    def overlaps(self) -> bool:
        """Whether two spans share a character."""
        return overlap(self.spans)

    def problem(
        self,
        span: Sequence[Any],
        reason: str,
        lost: bool = True,
        off: bool = False,
        fault: Fault = "",
    ) -> "Problem":
        """A `Problem` of a span of this text, (start, end, label)."""
        start, end, label = span
        around = self.text[max(start - CONTEXT, 0) : max(end, start) + CONTEXT]
        if fault in ("outside", "absent"):
            around = self.text[: 2 * CONTEXT]
        string = self.text[max(start, 0) : max(end, 0)]
        return Problem(
            self.file,
            self.line,
            start,
            end,
            label,
            string,
            around,
            reason,
            lost,
            "span",
            off,
            fault,
        )

    def left_out(self, reason: str, lost: bool = True, fault: Fault = "") -> "Problem":
        """A `Problem` of the whole text."""
        where = (self.file, self.line, None, None, "", "", self.text[: 2 * CONTEXT])
        return Problem(*where, reason, lost, "text", fault=fault)

    def respaced(self, back: str, reason: str) -> "Problem":
        """A `Problem` of the white space of a text that is written, and comes `back` with other.
        Its spacing is lost, unless only white space around it is."""
        return replace(self.left_out(reason, lost=back != self.text.strip()), of="spacing")


@dataclass(frozen=True)
class Problem:
    """A span, a text, its spacing or a file that could not be kept as it was. lost: it is not in
    the output at all, and should be.

    line: 0 for a whole file. start, end: None where the source gave no usable place. string: the
    span's text, excerpt: the text around it, `CONTEXT` characters on either side, or where the text
    begins. off: the span does not begin and end with tokens. fault: what else is wrong.
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
    of: Literal["span", "text", "file", "spacing"] = "span"
    off: bool = False
    fault: Fault = ""


def say_lost(problems: Iterable[Problem]) -> str:
    """How much is lost, as "2 spans and 1 text"; "" where nothing is."""
    return count_kinds(problem for problem in problems if problem.lost)


def say_are_lost(problems: Iterable[Problem]) -> str:
    """Such as "2 spans and 1 text are lost"; "" where nothing is."""
    lost = [problem for problem in problems if problem.lost]
    number = 1 if all(problem.of == "spacing" for problem in lost) else len(lost)
    return f"{say_lost(lost)} {verb(number, 'is', 'are')} lost" if lost else ""


def count_kinds(problems: Iterable[Problem]) -> str:
    """How many there are of spans, texts and files, as "2 spans and 1 text", and how many texts
    have other spacing."""
    found: Counter[str] = Counter(problem.of for problem in problems)
    said = [count(found[kind], kind) for kind in ("span", "text", "file") if found[kind]]
    said += [f"the spacing of {count(n, 'text')}"] if (n := found["spacing"]) else []
    return " and ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)


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
    lines: Sequence[int] | None = None,
) -> AnnotatedText:
    """An `AnnotatedText` of spans that a file gives, checked.

    lines: of each span, where they are not all in `line`. Offsets may be floats without a
    fraction, as pandas writes them. Spans outside the text, empty ones and repeated ones are left
    out and added to `problems`; there it is also said where offsets would fit if they were counted
    in UTF-16 units or bytes. Raises FormatError for values of the wrong type.
    """
    if not isinstance(text, str):
        what = f"the text is {_kind(text)}"
        raise FormatError(path, line, what, "Give it as a JSON string")
    if not is_unicode(text):
        what = "the text holds half of a surrogate pair, which is not a character"
        raise FormatError(path, line, what, "Write the character itself or its two halves")
    bare = AnnotatedText(text, file=str(path), line=line)
    kept: set[Span] = set()
    problems = [] if problems is None else problems
    checked = [_checked(span, path, lines[i] if lines else line) for i, span in enumerate(spans)]
    others = _in_other_units(text, checked)
    for i, span in enumerate(checked):
        given = replace(bare, line=lines[i]) if lines else bare
        reason, fault = _what_is_wrong(span, text)
        if reason or span in kept:
            hint = f"; {others[i]}" if i in others else ""
            reason = (reason or "is given twice") + hint
            problems.append(given.problem(span, reason, fault=fault))
            continue
        kept.add(span)
        if i in others:
            problems.append(given.problem(span, others[i], lost=False, fault="unit"))
    places = None if tokens is None else tuple((start, end) for start, end in tokens)
    read = AnnotatedText(text, in_order(kept), places, dict(meta or {}), str(path), line)
    return replace(read, given=tuple((start, end) for start, end, _ in checked))


def _what_is_wrong(span: Span, text: str) -> tuple[str, Fault]:
    """Why a span cannot be kept; "" where it can."""
    start, end, _ = span
    if end <= start:
        return "ends before it begins" if end < start else "is empty", "empty"
    if start >= 0 and end <= len(text):
        return "", ""
    return f"is outside the text of {count(len(text), 'character')}", "outside"


def _in_other_units(text: str, spans: Sequence[Span]) -> dict[int, str]:
    """What to say of spans, by their index, whose offsets seem not to be characters."""
    fit = fit_other_units(text, [(start, end) for start, end, _ in spans])
    if fit is None:
        return {}
    unit, places = fit
    return {
        i: f"seems to be counted in {unit}, in which it is {text[place[0] : place[1]]!r}: give "
        f"characters (code points) of the text as it is"
        for i, (place, span) in enumerate(zip(places, spans, strict=True))
        if place and place != span[:2]
    }


def _checked(span: Sequence[Any], path: Path | str, line: int) -> Span:
    match span:
        case [int() | float() as start, int() | float() as end, str(label)] if label:
            if _is_whole(start) and _is_whole(end) and is_unicode(label):
                return int(start), int(end), label
    what = f"{span!r} is not a span"
    mend = "A span is [start, end, label]: two whole numbers (characters, end exclusive) and a name"
    raise FormatError(path, line, what, mend)


def _is_whole(number: float) -> bool:
    return not isinstance(number, bool) and (isinstance(number, int) or number.is_integer())


def _kind(value: Any) -> str:
    return "missing" if value is None else f"of type {type(value).__name__}"
