"""Why the offsets of a file are wrong, told from its texts: of all that goes wrong with offsets,
what fits nearly all spans, while the offsets as they are fit few.

A cause is only named where it is told from good data: of a script in which words cannot be told
apart, such as Japanese, a shift would fit as well as the offsets do.
"""

import statistics
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from math import sqrt
from typing import NamedTuple

from ..plurals import count, verb
from .gold_text import Place
from .offset_units import UNITS, in_unit, is_whole, parts_words, script_language

MOST_TEXTS = 2_000  # that are looked at
MOST_CHARACTERS = 500_000  # of them; as many take seconds, where all cause doubts
_EXPLAINS = 0.8  # of the spans that a cause concerns: as many make sense by it
_LEAST = 3  # spans that a cause concerns
# What to add to starts and ends, the likelier faults first: counted from 1 or from a line's first
# character, ends inclusive, ends with what follows.
_SHIFTS = [(-1, -1), (1, 1), (0, 1), (0, -1), (-1, 0), (1, 0), (-2, -2), (2, 2), (-3, -3), (3, 3)]
MARKS = ".,;:!?"
_AS_IT_WAS = "Give each text as it was when it was annotated, or correct the offsets"
_MENDS = {
    "UTF-16 units": (
        "Give characters (code points): in Python, "
        "len(text.encode('utf-16-le')[: 2 * start].decode('utf-16-le'))"
    ),
    "UTF-8 bytes": (
        "Give characters (code points): in Python, len(text.encode()[:start].decode())"
    ),
}


class GivenText(NamedTuple):
    """places: (start, end) of its spans, as the file has them."""

    text: str
    places: tuple[Place, ...]
    file: str = ""


@dataclass(frozen=True)
class Cause:
    """headline: such as "your offsets seem to be shifted". said: what shows it, and how offsets
    become right. share: of all spans, those that it concerns. mend: what to do."""

    headline: str
    said: str
    share: float
    mend: str = "Correct the file"


def find_cause(texts: Sequence[GivenText]) -> Cause | None:
    """What is wrong with the offsets of these texts, in the order of the file; None where nothing
    is, or where it cannot be told."""
    lengths = accumulate(len(one.text) for one in texts[:MOST_TEXTS])
    n = bisect_right([*lengths], MOST_CHARACTERS)
    return _find(tuple(texts[: max(n, 1)]))


@lru_cache(maxsize=4)  # training reads a file more than once
def _find(texts: tuple[GivenText, ...]) -> Cause | None:
    n = sum(len(text.places) for text in texts)
    if not n:
        return None
    found = [one for one in map(partial(_try, texts), _theories()) if one is not None]
    if found:
        best = max(found, key=lambda one: one.gain)  # the first of equals
        return best.theory.cause(best, n)
    for pattern in (_growing, _cut_texts, _words):
        if (cause := pattern(texts)) is not None:
            return cause
    return None


class _Theory(NamedTuple):
    """read: of places, where they would be in characters. rigid: both ends of a span move, so that
    they are told to be wrong in scripts without upper case too."""

    headline: str
    mend: str
    read: Callable[[str, Sequence[Place]], list[Place | None]]
    rigid: bool = True
    unit: str = ""

    def cause(self, found: "_Found", n: int) -> Cause:
        fits = f"{found.fits:,} of {count(found.moved, 'span')}"
        if self.unit:
            are = verb(found.fits, "is a whole word", "are whole words")
            said = f"read so, {fits} moved by it {are}. {self.mend}"
        else:
            said = (
                f"{fits} {verb(found.fits, 'is a whole word', 'are whole words')} if you "
                f"{self.mend}: offsets count characters from 0, and an end is one past the last "
                f"character"
            )
        cause = Cause(self.headline, said[0].upper() + said[1:], found.moved / n)
        if self.rigid:
            return cause
        mend = "Correct the file. If you marked parts of words on purpose, mark the whole words"
        return replace(cause, mend=mend)


class _Found(NamedTuple):
    """moved: spans that a theory puts elsewhere. fits: those of them that make sense there. gain:
    how many more than where they are."""

    theory: _Theory
    moved: int
    fits: int
    gain: int


def _theories() -> list[_Theory]:
    shifts = [
        _Theory(
            "your offsets seem to be shifted", _say_shift(shift), partial(_shift, shift), all(shift)
        )
        for shift in _SHIFTS
    ]
    units = [
        _Theory(
            f"your offsets seem to count {unit}",
            _MENDS.get(unit, _AS_IT_WAS),
            partial(in_unit, unit),
            unit=unit,
        )
        for unit in UNITS
    ]
    others = [
        _Theory("your ends seem to be lengths", "add its start to each end", _lengths, False),
        _Theory("your starts and ends seem to be swapped", "swap them", _swapped),
    ]
    return [*shifts, *units, *others]


def _try(texts: Sequence[GivenText], theory: _Theory) -> _Found | None:
    """None where the theory fits too few spans, or where too many are right as they are."""
    moved = fits = right = words = 0
    of_bytes = theory.unit == "UTF-8 bytes"
    for text, places, _ in texts:
        for place, other in zip(places, theory.read(text, places), strict=True):
            if other == place:
                continue
            moved += 1
            fits += other is not None and (is_whole if of_bytes else _is_surely_word)(text, *other)
            words += _is_surely_word(text, *place)
            right += (_is_word if theory.rigid else is_whole)(text, *place)
    most = 1 - _EXPLAINS if theory.rigid else 0.5
    # Of a script without blanks any place looks right. But that no offset parts the bytes of a
    # character, where most have several, is no chance.
    if of_bytes and moved >= 10 and fits >= 0.95 * moved:
        most = 1.0
    if moved < _LEAST or fits < _EXPLAINS * moved or right > most * moved:
        return None
    return _Found(theory, moved, fits, fits - words)


def _is_word(text: str, start: int, end: int) -> bool:
    """Whether a place begins and ends with words, where that is told of the script: stricter than
    `is_whole`, for which letters without upper case may be words of their own."""
    if not is_whole(text, start, end):
        return False
    cut_before = start > 0 and parts_words(text[start - 1], text[start])
    return not cut_before and not (end < len(text) and parts_words(text[end - 1], text[end]))


def _is_surely_word(text: str, start: int, end: int) -> bool:
    """`_is_word` without a mark at its ends, of a script in which it is told."""
    if not _is_word(text, start, end):
        return False
    return not any(char in MARKS or script_language(char) for char in (text[start], text[end - 1]))


def _shift(shift: Place, _: str, places: Sequence[Place]) -> list[Place | None]:
    return [(start + shift[0], end + shift[1]) for start, end in places]


def _lengths(_: str, places: Sequence[Place]) -> list[Place | None]:
    return [(start, start + end) for start, end in places]


def _swapped(_: str, places: Sequence[Place]) -> list[Place | None]:
    return [(end, start) for start, end in places]


def _say_shift(shift: Place) -> str:
    start, end = shift
    moves = {"starts and ends": start} if start == end else {"starts": start, "ends": end}
    return " and ".join(
        f"{'add' if by > 0 else 'subtract'} {abs(by)} {'to' if by > 0 else 'from'} their {name}"
        for name, by in moves.items()
        if by
    )


def _cut_texts(texts: Sequence[GivenText]) -> Cause | None:
    """All texts that spans are outside of have one length, which no other exceeds."""
    outside = [one for one in texts if _outside(one)]
    longest = max(len(one.text) for one in texts)
    if len(outside) < _LEAST or any(len(one.text) < longest for one in outside):
        return None
    if all(len(one.text) == longest for one in texts):  # which tells nothing
        return None
    where = f"All texts that spans are outside of have {longest:,} characters, and none has more"
    excel = " (the most that a cell of Excel holds)" if longest == 32_767 else ""
    said = f"{where}{excel}. Give the whole texts, or cut them before you annotate them"
    return Cause("your texts seem to be cut off", said, _share(outside, texts))


def _growing(texts: Sequence[GivenText]) -> Cause | None:
    """From one text to the next offsets go on where they were, out of the texts: of two that are
    both outside by chance, each is as often the larger."""
    pairs = [
        max(end for _, end in one.places) <= min(start for start, _ in other.places)
        for one, other in pairwise(texts)
        if one.file == other.file and _outside(one) and _outside(other)
    ]
    n = len(pairs)
    # More than three in four, and more than chance has in one of fifty files.
    if n < 5 or sum(pairs) < max(0.75 * n, n / 2 + 1.1 * sqrt(n)):
        return None
    said = (
        "They grow from one text to the next, as if they were counted in a document of which each "
        "text is a part. Count them from the start of the text that they are given with"
    )
    outside = [one for one in texts if _outside(one)]
    headline = "your offsets seem to be counted from the start of a longer text"
    return Cause(headline, said, _share(outside, texts))


def _words(texts: Sequence[GivenText]) -> Cause | None:
    """Offsets that are few, no larger than the number of words, and cut words as characters."""
    places = [(text, *place) for text, places, _ in texts for place in places]
    words = {text: len(text.split()) for text, *_ in places}
    small = sum(start <= end <= words[text] + 1 > 3 for text, start, end in places)
    cut = sum(_cuts_words(*place) for place in places)
    length = statistics.median(end - start for _, start, end in places)
    if len(places) < 10 or small < 0.95 * len(places) or cut < len(places) / 2 or length > 3:
        return None
    said = "No end is larger than the number of words in its text. Give characters, from 0"
    return Cause("your offsets seem to count words", said, 1.0)


def _cuts_words(text: str, start: int, end: int) -> bool:
    bare = text[max(start, 0) : end]
    return bool(bare) and bare.strip() == bare and not is_whole(text, start, end)


def _outside(one: GivenText) -> bool:
    return any(end > len(one.text) for _, end in one.places)


def _share(some: Sequence[GivenText], texts: Sequence[GivenText]) -> float:
    """Of the spans of all texts, those outside of these."""
    n = sum(end > len(text) for text, places, _ in some for _, end in places)
    return n / sum(len(one.places) for one in texts)
