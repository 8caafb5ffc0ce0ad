"""What reading a corpus has met, and how it is told: the same words for training and conversion.

Knows nothing of spaCy.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .annotated_text import CONTEXT, AnnotatedText, Problem, say_lost
from .offset_units import is_whole

SHOWN = 3  # spans, as examples
# How far off starts and ends may be, the likelier faults first: counted from 1 or from a line's
# first character, ends inclusive, ends with what follows.
_SHIFTS = [(-1, -1), (1, 1), (0, 1), (0, -1), (-1, 0), (1, 0), (-2, -2), (2, 2), (-3, -3), (3, 3)]
_EXPLAINS = 0.8  # of the spans that are off, for a shift that is named
_FEW = 0.1  # of all spans; fewer are no fault of the whole file
_MANY_MARKED = 0.25  # of all spans; of fewer nothing is said
_MARKS = ".,;:!?"
_MOST_SHOWN = 60  # characters of a span


@dataclass
class Reading:
    """spans: how many there are of each label. problems: of all that could not stay as it was.
    mode: what became of spans that do not begin and end with tokens, as `Doc.char_span` has it, or
    "kept". marked: spans with a punctuation mark at an end (`with_marks`), which stay so."""

    mode: str = "strict"
    spans: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    marked: list[Problem] = field(default_factory=list)

    @property
    def off(self) -> list[Problem]:
        """Spans that do not begin and end with tokens."""
        return [problem for problem in self.problems if problem.off]

    @property
    def mostly_off(self) -> bool:
        """Whether that is true of more than half of all spans, those included that end with a mark
        by the same shift."""
        n, total = len(self.off), self.spans.total()
        if n > _FEW * total and (shift := find_shift(self.off)):
            n += sum(_fits(problem, shift) for problem in self.marked)
        return 2 * n > total

    def say_off(self) -> str:
        """How many spans are off and why, by label and with examples; "" where none is."""
        off = self.off
        if not off:
            return ""
        by_label = Counter(problem.label for problem in off)
        labels = ", ".join(f"{k} {n:,} of {self.spans[k]:,}" for k, n in by_label.most_common())
        total = self.spans.total()
        counted = f"{len(off):,} of {total:,} spans {'does' if len(off) == 1 else 'do'}"
        said = f"{counted} not begin and end with whole words ({labels})"
        shift = find_shift(off)
        if shift:
            whose = "your offsets are shifted: " if len(off) > _FEW * total else ""
            said = f"{whose}{said}. {_say_shift(shift, off)}"
        shown = "; ".join(map(show_in_context, off[:SHOWN]))
        files = sorted({problem.file for problem in off})
        where = files[0] + (f" and {len(files) - 1} other files" if len(files) > 1 else "")
        return f"{where}: {said}. For example {shown}. {self._say_fate(off)}"

    def _say_fate(self, off: Sequence[Problem]) -> str:
        """What became of them, here and in the other command."""
        mend = "Training moves such spans to the whole words inside them"
        if self.mode == "kept":
            return f"They are written as they are. {mend}"
        if self.mode == "strict":
            mend = "The mode contract moves such spans to the whole words inside them"
            return f"They are left out (alignment mode strict). {mend}"
        where = "inside" if self.mode == "contract" else "around"
        lost = sum(problem.lost for problem in off)
        left_out = f", and {lost:,} without any are lost" if lost else ""
        moved = f"They are moved to the whole words {where} them (alignment mode {self.mode})"
        return moved + left_out

    def say_marked(self) -> str:
        """That many spans have a punctuation mark at an end; "" where that are few."""
        n, total = len(self.marked), self.spans.total()
        if n <= _MANY_MARKED * total:
            return ""
        shown = "; ".join(map(show_in_context, self.marked[:SHOWN]))
        return (
            f"{self.marked[0].file}: {n:,} of {total:,} spans begin or end with a punctuation mark"
            f", which the model learns with them: correct the offsets if that is not meant. For "
            f"example {shown}"
        )

    def say_others(self) -> str:
        """What else could not stay as it was; "" for nothing."""
        others = [problem for problem in self.problems if not problem.off]
        if not others:
            return ""
        shown = "; ".join(
            f"{p.file}:{p.line}: {p.string!r} ({p.label}) {p.reason}" for p in others[:SHOWN]
        )
        lost, changed = say_lost(others) or "no spans", sum(not p.lost for p in others)
        return f"{lost} are lost and {changed} changed in reading, for example {shown}"


def with_marks(text: AnnotatedText) -> list[Problem]:
    """The spans that begin or end with a comma or the like, or with the text's last full stop."""
    return [
        text.problem(span, "", lost=False)
        for span in text.spans
        if span[1] - span[0] > 1 and _has_mark(text.text, *span[:2])
    ]


def _has_mark(text: str, start: int, end: int) -> bool:
    """Of full stops, only that of the text: others are those of abbreviations."""
    last = text[end - 1]
    return text[start] in _MARKS or (last in _MARKS and (last != "." or not text[end:].strip()))


def shifted(texts: Iterable[AnnotatedText]) -> Reading | None:
    """Of texts that are written without tokens: None, unless their offsets are clearly shifted."""
    found = Reading("kept")
    for text in texts:
        for span in text.spans:
            found.spans[span[2]] += 1
            if text.tokens is None and not is_whole(text.text, *span[:2]):
                found.problems.append(text.problem(span, "", lost=False, off=True))
    return found if found.mostly_off and find_shift(found.problems) else None


def find_shift(off: Sequence[Problem]) -> tuple[int, int] | None:
    """What to add to starts and ends, so that most of these spans are of whole words."""
    fit = {shift: sum(_fits(problem, shift) for problem in off) for shift in _SHIFTS}
    best = max(_SHIFTS, key=lambda shift: fit[shift])
    return best if len(off) > 1 and fit[best] >= _EXPLAINS * len(off) else None


def show_in_context(problem: Problem) -> str:
    """Such as `a.csv:2: "Ate at N[oma to]night" (PLACE)`."""
    start, end = _in_excerpt(problem)
    text = problem.excerpt
    span = text[start:end]
    if len(span) > _MOST_SHOWN:
        span = f"{span[: _MOST_SHOWN // 2]} ... {span[-_MOST_SHOWN // 2 :]}"
    marked = f"{text[:start]}[{span}]{text[end:]}".replace("\n", " ")
    return f'{problem.file}:{problem.line}: "{marked}" ({problem.label})'


def _say_shift(shift: tuple[int, int], off: Sequence[Problem]) -> str:
    start, end = shift
    moves = {"starts": start, "ends": end}
    if start == end:
        moves = {"starts and ends": start}
    mend = " and ".join(
        f"{'add' if by > 0 else 'subtract'} {abs(by)} {'to' if by > 0 else 'from'} their {name}"
        for name, by in moves.items()
        if by
    )
    fit = sum(_fits(problem, shift) for problem in off)
    return (
        f"{fit:,} of them do if you {mend}: offsets count characters from 0, and an end is one "
        f"past the last character"
    )


def _fits(problem: Problem, shift: tuple[int, int]) -> bool:
    start, end = (at + by for at, by in zip(_in_excerpt(problem), shift, strict=True))
    if not is_whole(problem.excerpt, start, end):
        return False
    return problem.excerpt[start] not in _MARKS and problem.excerpt[end - 1] not in _MARKS


def _in_excerpt(problem: Problem) -> tuple[int, int]:
    begin = max((problem.start or 0) - CONTEXT, 0)
    return (problem.start or 0) - begin, (problem.end or 0) - begin
