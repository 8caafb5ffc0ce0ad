"""Offsets that count something else than characters (Unicode code points).

JavaScript, Java and Windows count UTF-16 units, two for an emoji; Go, Rust and many C libraries
count bytes. Such offsets are right until the first character that is longer.
"""

import itertools
from collections.abc import Sequence

from .gold_text import Place

# Of a character in UTF-16 and in UTF-8.
_UNITS = {
    "UTF-16 units": lambda char: 1 + (char > "\uffff"),
    "UTF-8 bytes": lambda char: len(char.encode("utf8", "surrogatepass")),
}


def fit_other_units(text: str, places: Sequence[Place]) -> tuple[str, list[Place | None]] | None:
    """Whether offsets make sense in other units and not in characters.

    places: (start, end), of all spans of the text. Returns the unit's name and each place in
    characters, None for one that makes no sense in it; None where characters fit as well. Of two
    units it is that in which more places make sense: are within the text, cut no word and neither
    begin nor end with a blank.
    """
    if text.isascii() or not places:
        return None
    plain = [is_whole(text, start, end) for start, end in places]
    if all(plain):
        return None
    best: tuple[str, list[Place | None]] | None = None
    for name, size in _UNITS.items():
        ends = itertools.accumulate(map(size, text), initial=0)
        known = {units: i for i, units in enumerate(ends)}
        found = [_read(text, known, place) for place in places]
        better = any(place and not good for place, good in zip(found, plain, strict=True))
        worse = any(good and not place for place, good in zip(found, plain, strict=True))
        if better and not worse and (best is None or found.count(None) < best[1].count(None)):
            best = name, found
    return best


def _read(text: str, known: dict[int, int], place: Place) -> Place | None:
    start, end = known.get(place[0]), known.get(place[1])
    if start is None or end is None or not is_whole(text, start, end):
        return None
    return start, end


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


def from_utf16(text: str, place: Place) -> Place | None:
    """Characters of a place that is counted in UTF-16 units; None where it parts a character or is
    outside the text."""
    known = {units: i for i, units in enumerate(utf16_offsets(text))}
    start, end = known.get(place[0]), known.get(place[1])
    return None if start is None or end is None else (start, end)


def utf16_offsets(text: str) -> list[int]:
    """Where each character begins, and the text ends, in UTF-16 units."""
    return list(itertools.accumulate(map(_UNITS["UTF-16 units"], text), initial=0))
