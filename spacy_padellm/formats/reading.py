"""What reading a corpus has met, and how it is told: the same words for training and conversion.

Knows nothing of spaCy.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..cached import cached_property
from ..plurals import count, verb
from .annotated_text import AnnotatedText, Problem, count_kinds, say_are_lost
from .offset_causes import MARKS, Cause, GivenText, find_cause
from .offset_units import is_whole, script_language
from .repeats import REPEATS
from .shown_problems import MISPLACED, in_excerpt, show, show_in_context

SHOWN = 3  # spans, as examples
_FEW = 0.1  # of all spans; fewer are no fault of the whole file
_MOST = 0.8  # of the spans that are off, to say what they are like
_MANY_MARKED = 0.25  # of all spans; of fewer nothing is said
_LANGUAGES = {"bo": "Tibetan", "ja": "Japanese", "th": "Thai", "zh": "Chinese"}  # spaCy has these


@dataclass
class Reading:
    """spans: how many of each label were read. problems: of all that could not stay as it was.
    mode: what became of spans that do not begin and end with tokens, as `Doc.char_span` has it, or
    "kept". marked: spans with a punctuation mark at an end (`with_marks`), which stay so. texts:
    the first of the file, with all their spans. lang: of the tokenizer. What is derived is right
    once the whole file is read."""

    mode: str = "strict"
    spans: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    marked: list[Problem] = field(default_factory=list)
    texts: list[GivenText] = field(default_factory=list)
    lang: str = "en"

    @property
    def off(self) -> list[Problem]:
        """Spans that do not begin and end with tokens."""
        return [problem for problem in self.problems if problem.off]

    @property
    def misplaced(self) -> list[Problem]:
        """Spans that are lost, as their texts do not have the place. They are not in `spans`."""
        return [problem for problem in self.problems if problem.fault in MISPLACED]

    @property
    def total(self) -> int:
        """The spans of the file."""
        return self.spans.total() + len(self.misplaced)

    @property
    def n_moved(self) -> int:
        """Spans that do not begin and end with tokens and are kept, mostly in another place."""
        return sum(not problem.lost for problem in self.off)

    @property
    def mostly_lost(self) -> bool:
        """Whether more than half of all spans are lost: misplaced, or off and not to be moved."""
        return 2 * (len(self.misplaced) + len(self.off) - self.n_moved) > self.total

    @property
    def mostly_off(self) -> bool:
        """Whether more than half of all spans are off or misplaced; or more than a few, by a cause
        that most likely leaves others in wrong places that look right."""
        n, total = len(self.off) + len(self.misplaced), self.total
        known = n > _FEW * total and self.cause is not None and self.cause.share > _FEW
        return known or 2 * n > total

    @cached_property
    def cause(self) -> Cause | None:
        """Why offsets are wrong, where it can be told."""
        return find_cause(self.texts) if self.off or self.misplaced else None

    @property
    def off_whole(self) -> bool:
        """Whether most spans that are off seem to be right, and the tokenizer to be wrong."""
        whole = sum(is_whole(problem.excerpt, *in_excerpt(problem)) for problem in self.off)
        return self.cause is None and bool(self.off) and whole >= _MOST * len(self.off)

    @property
    def other_lang(self) -> str:
        """The code of the language that the spans are in, where spaCy's tokenizer for it is another
        and finds words that are not told by blanks; "" where that cannot be told."""
        found = Counter(script_language(char) for problem in self.off for char in problem.excerpt)
        others = found.pop("", 0)
        if not found or 2 * found.total() < others:
            return ""
        code = found.most_common(1)[0][0]
        if code == "zh" and found["ja"] > 0.05 * found["zh"]:  # whose signs Japanese has too
            code = "ja"
        return code if code in _LANGUAGES and code != self.lang else ""

    def say_off(self, option: str = "alignment_mode") -> str:
        """How many spans are off or misplaced and why, by label and with examples; "" where none
        is. option: how the alignment mode is set."""
        off, misplaced = self.off, self.misplaced
        if not off and not misplaced:
            return ""
        words = "tokens" if self.off_whole else "whole words"
        does = f"{verb(len(off), 'does', 'do')} not begin and end with {words}"
        said = [self._count(off, does)] if off else []
        for fault, (one, many) in MISPLACED.items():
            if found := [problem for problem in misplaced if problem.fault == fault]:
                said.append(self._count(found, verb(len(found), one, many)))
        told = "; ".join(said)
        if self.cause:
            told = f"{self.cause.headline}: {told}. {self.cause.said}"
        elif self.off_whole:
            told += (
                f". They cut no word: the tokenizer of {self.lang!r} splits these texts elsewhere"
            )
            if code := self.other_lang:
                told += f". The texts seem to be {_LANGUAGES[code]}"
        fewer, more = sorted((off, misplaced), key=len)
        first = [*more[: SHOWN - bool(fewer)], *fewer[:1]]
        shown = "; ".join(map(show_in_context, first))
        files = sorted({problem.file for problem in (*off, *misplaced)})
        where = files[0] + (f" and {count(len(files) - 1, 'other file')}" if files[1:] else "")
        n = len(misplaced)
        fates = [f"{count(n, 'span')} without a place {verb(n, 'is', 'are')} lost"] if n else []
        which = "They"
        if n:
            which = f"Spans that cut {'tokens' if self.off_whole else 'words'}"
        fates += [self._say_fate(which, option)] if off else []
        return f"{where}: {told}. For example {shown}. {'. '.join(fates)}"

    def _count(self, found: Sequence[Problem], what: str) -> str:
        """Such as "1 of 40 spans is outside its text (PER 1 of 20)"."""
        all_of = self.spans + Counter(problem.label for problem in self.misplaced)
        by_label = Counter(problem.label for problem in found)
        labels = ", ".join(f"{k} {n:,} of {all_of[k]:,}" for k, n in by_label.most_common())
        return f"{len(found):,} of {count(self.total, 'span')} {what} ({labels})"

    def _say_fate(self, which: str, option: str) -> str:
        """What became of spans that are off, here and in the other command. which: the subject."""
        if self.mode == "kept":
            mend = "Training moves such spans to the whole words inside them"
            return f"{which} are written as they are. {mend}"
        mode = f"(alignment mode {self.mode})"
        if self.mode == "strict":
            mend = f"With {option} contract, they move to the whole words inside them, if any"
            return f"{which} are left out {mode}. {mend}"
        where = "inside" if self.mode == "contract" else "around"
        if not self.n_moved:
            return f"{which} are lost, as no whole words are {where} them {mode}"
        lost = len(self.off) - self.n_moved
        left_out = f", and {lost:,} without any {verb(lost, 'is', 'are')} lost" if lost else ""
        return f"{which} are moved to the whole words {where} them {mode}{left_out}"

    def say_marked(self) -> str:
        """That many spans have a punctuation mark at an end; "" where that are few."""
        n, total = len(self.marked), self.spans.total()
        if n <= _MANY_MARKED * total:
            return ""
        shown = "; ".join(map(show_in_context, self.marked[:SHOWN]))
        return (
            f"{self.marked[0].file}: {n:,} of {count(total, 'span')} "
            f"{verb(n, 'begins or ends', 'begin or end')} with a punctuation mark, which the model "
            f"learns with {verb(n, 'it', 'them')}: correct the offsets if that is not meant. For "
            f"example {shown}"
        )

    def say_repeated(self) -> str:
        """How many texts were there before, with other spans; "" for none."""
        found = [problem for problem in self.problems if problem.fault in REPEATS]
        if not found:
            return ""
        told = f"{count(len(found), 'text')} {verb(len(found), 'contradicts', 'contradict')}"
        ids = ""
        if any(problem.fault == "renumbered" for problem in found):
            ids = ". If the ids number the rows, remove them: rows of one text belong together then"
        return (
            f"{found[0].file}: {told} an earlier one, which is the same text with other spans: "
            f"leave out the wrong ones{ids}. For example {'; '.join(map(show, found[:SHOWN]))}"
        )

    def say_others(self) -> str:
        """What else could not stay as it was; "" for nothing."""
        told = {*MISPLACED, *REPEATS, *(["unit"] if self.cause else [])}
        others = [p for p in self.problems if not p.off and p.fault not in told]
        if not others:
            return ""
        changed = [problem for problem in others if not problem.lost]
        need = verb(len(changed), "is changed or needs a look", "are changed or need a look")
        said = [say_are_lost(others), f"{count_kinds(changed)} {need}" if changed else ""]
        shown = "; ".join(map(show, others[:SHOWN]))
        return f"In reading, {', and '.join(filter(None, said))}. For example {shown}"


def check_offsets(reading: Reading, option: str, lang: str = "") -> None:
    """Raises ValueError where most spans cannot be where they should be (`Reading.mostly_off`),
    with the likely cause and the mend.

    option: how the alignment mode is set, such as "--alignment-mode".
    lang: how the language of the tokenizer is set, such as "--lang"; "" if it cannot be.
    """
    if not reading.mostly_off:
        return
    if reading.cause:
        mend = reading.cause.mend
    else:
        mend = "Correct the offsets: they count characters of the text as it is in the file, from 0"
    if reading.off_whole and not reading.misplaced:
        mend = "Give the texts with your own tokens, such as in CoNLL columns"
        if lang and (code := reading.other_lang):
            mend = f"Pass {lang} {code}"
        elif lang:
            mend = f"Pass the language of the texts with {lang}"
    elif all(problem.fault == "absent" for problem in (*reading.off, *reading.misplaced)):
        mend = "Write the mentions as they stand in the texts"
    elif lang and reading.off and not reading.cause:
        mend += f"; for texts in another language than {reading.lang!r}, pass {lang}"
    if reading.n_moved and not reading.mostly_lost:
        mend += f". To use the whole words inside the spans, pass {option} contract"
    raise ValueError(f"{reading.say_off(option)}. {mend}")


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
    return text[start] in MARKS or (last in MARKS and (last != "." or not text[end:].strip()))


def shifted(texts: Iterable[AnnotatedText]) -> Reading | None:
    """Of texts that are written without tokens: None, unless their offsets are clearly wrong."""
    found = Reading("kept")
    for text in texts:
        found.spans.update(label for _, _, label in text.spans)
        if text.tokens is None:
            places = tuple((start, end) for start, end, _ in text.spans)
            found.texts.append(GivenText(text.text, places, text.file))
            found.problems += [
                text.problem(span, "", lost=False, off=True)
                for span in text.spans
                if not is_whole(text.text, *span[:2])
            ]
    return found if found.mostly_off and found.cause else None
