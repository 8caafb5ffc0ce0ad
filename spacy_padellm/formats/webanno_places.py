"""Where the tokens of a sentence of WebAnno TSV stand in it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .annotated_text import AnnotatedText, FormatError, Problem
from .detokenize import search_tokens
from .gold_text import Place
from .offset_units import utf16_offsets

_ID = re.compile(r"\d+-\d+(\.\d+)?")
_OFFSETS = re.compile(r"(\d{1,15})-(\d{1,15})")


@dataclass(frozen=True)
class Row:
    """A line of a token, or of a part of one, which stands behind the token. place: characters."""

    line: int
    fields: list[str]
    place: Place
    is_part: bool


def place_rows(
    path: Path,
    line: int,
    text: str,
    lines: Sequence[tuple[int, list[str]]],
    problems: list[Problem],
    unescape: Callable[[str], str],
) -> list[Row]:
    """The rows with their places. Offsets count UTF-16 units; where tokens do not stand there, they
    are taken as characters, and then the tokens are searched, which is added to `problems`. Tokens
    stand in the file as they are, or escaped as the text is. Raises FormatError where tokens are
    not in the text at all."""
    if not lines:
        return []
    given, parts, forms, raw = [], [], [], []
    for number, (name, said, form, *_) in lines:
        match, known = _OFFSETS.fullmatch(said), _ID.fullmatch(name)
        if not match or not known:
            what = f"{name!r} {said!r} is not a token"
            raise FormatError(path, number, what, "A line begins with 1-1<tab>0-3<tab>Ada")
        given.append((int(match[1]), int(match[2])))
        parts.append(bool(known[1]))
        raw.append(form)
        forms.append(unescape(form))
    for starts in (utf16_offsets(text), list(range(len(text) + 1))):
        for first in _firsts(text, raw[0], forms[0]):
            places = _shifted(text, starts, first, given)
            if places is not None and _are_there(text, places, raw, forms):
                return _rows(lines, places, parts)
    found = None if any(parts) else search_tokens(text, raw) or search_tokens(text, forms)
    if found is None:
        mend = "Export the document anew: its offsets, tokens and text do not go together"
        raise FormatError(path, line, f"the tokens are not in the text {text[:40]!r}", mend)
    bare = AnnotatedText(text, file=str(path), line=line)
    reason = "the offsets of its tokens are not theirs in the text: they are searched instead"
    problems.append(bare.left_out(reason, lost=False))
    return _rows(lines, found, parts)


def _firsts(text: str, *forms: str) -> list[int]:
    """Where the first token may stand: behind the white space, or where it is found."""
    found = (len(text) - len(text.lstrip()), *map(text.find, forms))
    return [first for first in dict.fromkeys(found) if first >= 0]


def _shifted(
    text: str, starts: Sequence[int], first: int, given: Sequence[Place]
) -> list[Place] | None:
    """Offsets of the document as those of the sentence, in characters; None where they are outside
    of it or part a character. first: character of the sentence at which the first token stands."""
    known = {offset: i for i, offset in enumerate(starts)}
    shift = given[0][0] - starts[first]
    places = []
    for begin, stop in given:
        start, end = known.get(begin - shift), known.get(stop - shift)
        if start is None or end is None:
            return None
        places.append((start, end))
    return places


def _are_there(
    text: str, places: Sequence[Place], raw: Sequence[str], forms: Sequence[str]
) -> bool:
    """Whether each token stands at its place, as it is or unescaped."""
    tokens = zip(places, raw, forms, strict=True)
    return all(text[slice(*place)] in said for place, *said in tokens)


def _rows(
    lines: Sequence[tuple[int, list[str]]], places: Sequence[Place], parts: Sequence[bool]
) -> list[Row]:
    rows = zip(lines, places, parts, strict=True)
    return [Row(number, fields, place, part) for (number, fields), place, part in rows]
