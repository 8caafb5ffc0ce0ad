"""Offsets that count something else than the characters (Unicode code points) of the text.

JavaScript, Java and Windows count UTF-16 units, two for an emoji; Go, Rust and many C libraries
count bytes. Line ends and accents count otherwise where the text was changed after it was
annotated. Such offsets are right until the first character of another length.
"""

import itertools
import unicodedata
from collections.abc import Callable, Sequence

from .gold_text import Place

_Sizes = Callable[[str], list[int]]


def _utf16(text: str) -> list[int]:
    return [1 + (char > "\uffff") for char in text]


def _utf8(text: str) -> list[int]:
    return [len(char.encode("utf8", "surrogatepass")) for char in text]


def _two_for_a_line_end(text: str) -> list[int]:
    before = "", *text
    return [1 + (char == "\n" and last != "\r") for last, char in zip(before, text, strict=False)]


def _one_for_a_line_end(text: str) -> list[int]:
    after = *text[1:], ""
    return [1 - (char == "\r" and next_ == "\n") for char, next_ in zip(text, after, strict=False)]


def _decomposed(text: str) -> list[int]:
    return [len(unicodedata.normalize("NFD", char)) for char in text]


def _composed(text: str) -> list[int]:
    return [1 - bool(unicodedata.combining(char)) for char in text]


# How long each character of a text is. Of two that fit as well, the likelier is first.
UNITS: dict[str, _Sizes] = {
    "UTF-16 units": _utf16,
    "UTF-8 bytes": _utf8,
    "characters with \\r\\n for each line end": _two_for_a_line_end,
    "characters with \\n for each line end": _one_for_a_line_end,
    "characters of the decomposed text (NFD)": _decomposed,
    "characters of the composed text (NFC)": _composed,
}


# Scripts without blanks between words: first and last character, and a language.
_WITHOUT_BLANKS = [
    ("\u0e00", "\u0e7f", "th"),
    ("\u0e80", "\u0eff", "lo"),
    ("\u0f00", "\u0fff", "bo"),
    ("\u1000", "\u109f", "my"),
    ("\u1780", "\u17ff", "km"),
    ("\u3005", "\u3007", "zh"),
    ("\u3040", "\u30ff", "ja"),
    ("\u3400", "\u9fff", "zh"),
    ("\uf900", "\ufaff", "zh"),
    ("\uff66", "\uff9f", "ja"),
    ("\U00020000", "\U0003ffff", "zh"),
]


def fit_other_units(text: str, places: Sequence[Place]) -> tuple[str, list[Place | None]] | None:
    """Whether offsets make sense in other units and not in characters.

    places: (start, end), of all spans of the text. Returns the unit's name and each place in
    characters, None for one that makes no sense in it; None where characters fit as well. Of two
    units it is that in which more places make sense: are within the text, cut no word and neither
    begin nor end with a blank.
    """
    if not places or _counts_alike(text):
        return None
    plain = [is_whole(text, start, end) for start, end in places]
    if all(plain):
        return None
    best: tuple[str, list[Place | None]] | None = None
    for name in UNITS:
        read = in_unit(name, text, places)
        found = [place if place and is_whole(text, *place) else None for place in read]
        better = any(place and not good for place, good in zip(found, plain, strict=True))
        worse = any(good and not place for place, good in zip(found, plain, strict=True))
        if better and not worse and (best is None or found.count(None) < best[1].count(None)):
            best = name, found
    return best


def in_unit(name: str, text: str, places: Sequence[Place]) -> list[Place | None]:
    """Places that are counted in one of `UNITS`, in characters; None for one that parts a character
    or is outside the text."""
    if not places:
        return []
    if _counts_alike(text):
        last = len(text)
        return [(s, e) if 0 <= s <= last and 0 <= e <= last else None for s, e in places]
    ends = itertools.accumulate(UNITS[name](text), initial=0)
    known = {units: i for i, units in enumerate(ends)}
    found = [(known.get(start), known.get(end)) for start, end in places]
    return [None if start is None or end is None else (start, end) for start, end in found]


def _counts_alike(text: str) -> bool:
    """Whether each character of a text is one in all `UNITS`, as is told at once."""
    return text.isascii() and "\n" not in text


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether a place is within the text, cuts no word and neither begins nor ends with a blank."""
    if not 0 <= start < end <= len(text):
        return False
    if text[start].isspace() or text[end - 1].isspace():
        return False
    cut_before = start > 0 and _in_a_word(text[start - 1], text[start])
    return not cut_before and not (end < len(text) and _in_a_word(text[end - 1], text[end]))


def _in_a_word(left: str, right: str) -> bool:
    """Only told of scripts that have upper case, and of numbers: those put blanks between words."""
    return all(char.isdecimal() or char.lower() != char.upper() for char in (left, right))


def parts_words(left: str, right: str) -> bool:
    """Whether a place that ends between two characters cuts a word, in a script with blanks between
    words, upper case or not. In Arabic or Korean a mention may be a part of such a word."""
    return all(char.isalnum() or unicodedata.combining(char) for char in (left, right)) and not (
        script_language(left) or script_language(right)
    )


def script_language(char: str) -> str:
    """The code of a language, where the script of a character puts no blanks between words."""
    return next((code for first, last, code in _WITHOUT_BLANKS if first <= char <= last), "")


def from_utf16(text: str, place: Place) -> Place | None:
    """Characters of a place that is counted in UTF-16 units; None where it parts a character or is
    outside the text."""
    return in_unit("UTF-16 units", text, [place])[0]


def utf16_offsets(text: str) -> list[int]:
    """Where each character begins, and the text ends, in UTF-16 units."""
    return list(itertools.accumulate(_utf16(text), initial=0))
