"""Spans that carry their own string besides offsets, as those of brat and Label Studio do.

The strings tell what the offsets count, and which of them are wrong.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from .gold_text import Place
from .offset_units import utf16_offsets

Count = Callable[[int], int | None]  # an offset → its character, None where there is none


@dataclass(frozen=True)
class Quoted:
    """A span as a file has it. parts: its offsets, several where it is in parts. string: what it
    covers by its own word, None where the file says nothing."""

    parts: tuple[Place, ...]
    string: str | None


@dataclass(frozen=True)
class Settled:
    """parts: in characters. remark: what is wrong with the span. lost: it stands nowhere."""

    parts: tuple[Place, ...]
    remark: str = ""
    lost: bool = False


def counts(text: str, shift: int = 0) -> list[Count]:
    """Ways to count, the likelier first: characters, and UTF-16 units where that is another thing.
    shift: characters at the beginning that are counted and are not in the text."""
    ways: list[Count] = [lambda offset: offset - shift if offset >= shift else None]
    if not text.isascii() and max(text) > "\uffff":
        known = {offset + shift: i for i, offset in enumerate(utf16_offsets(text))}
        ways.append(known.get)
    return ways


def settle(text: str, spans: Sequence[Quoted], ways: Sequence[Count]) -> list[Settled]:
    """Where spans stand that were counted in one way: that in which most agree with their strings,
    the first of equals. One that does not agree is taken to be where its string is, if the text has
    that once."""
    read = [[_read(span.parts, way) for span in spans] for way in ways]
    hits = [
        sum(agrees(text, parts, span.string) for parts, span in zip(one, spans, strict=True))
        for one in read
    ]
    best = read[hits.index(max(hits))]
    return [_settle(text, span, parts) for span, parts in zip(spans, best, strict=True)]


def agrees(text: str, parts: Sequence[Place] | None, string: str | None) -> bool:
    """Whether a string is what stands there, white space aside."""
    if parts is None or string is None:
        return False
    there = _bare("".join(text[start:end] for start, end in parts if start >= 0))
    # Label Studio escaped line ends in some versions.
    return bool(there) and there in (_bare(string), _bare(string.replace("\\n", "\n")))


def _settle(text: str, span: Quoted, parts: tuple[Place, ...] | None) -> Settled:
    string = span.string
    if string is None or not string.strip() or agrees(text, parts, string):
        return Settled(span.parts if parts is None else parts)
    said = f"is {string[:40]!r} by its own string"
    found = _search(text, string)
    if len(found) == 1:
        return Settled((found[0],), f"{said}, and read where that stands")
    what = "several times" if found else "not"
    return Settled(span.parts, f"{said}, which the text has {what}", lost=True)


def _read(parts: Sequence[Place], way: Count) -> tuple[Place, ...] | None:
    found = []
    for part in parts:
        start, end = map(way, part)
        if start is None or end is None:
            return None
        found.append((start, end))
    return tuple(found)


def _search(text: str, string: str) -> list[Place]:
    """Where a string stands, two places at most; white space may be other white space there."""
    matches = re.finditer(r"\s+".join(map(re.escape, string.split())), text)
    return [match.span() for match in islice(matches, 2)]


def _bare(string: str) -> str:
    return "".join(string.split())
