"""From generated strings to characters of the text.

Knows characters only: token spans are made from the result with `Doc.char_span`. A place is a pair
(start, end) of character offsets into the original text, end exclusive.

Search compares grapheme clusters, so a match never splits an accented letter, a flag or an emoji
sequence, and offsets stay right where folding changes the length (`İ`, `ß`).
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import regex

from .types import Mention

Place = tuple[int, int]

_CLUSTER = regex.compile(r"\X")
_WORD = regex.compile(r"\w")
# Scripts in which a name may touch the next word: no spaces (line-break class SA is Thai, Lao,
# Khmer, Myanmar ...), or particles written on to the name (Hangul).
_UNSPACED = regex.compile(
    r"[\p{Line_Break=SA}\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70"
    r"\p{Hangul}\p{Bopomofo}\p{Tibetan}\p{Yi}]"
)


def _canonical(cluster: str) -> str:
    return unicodedata.normalize("NFD", cluster)


def _caseless(cluster: str) -> str:
    # Canonical caseless matching, Unicode Standard, definition D145.
    return _canonical(_canonical(cluster).casefold())


def _fold(text: str, fold: Callable[[str], str] | None) -> Iterator[tuple[str, int, int]]:
    """(folded string, start, end) of each cluster; with a fold, a run of white space is one."""
    run: Place | None = None
    for match in _CLUSTER.finditer(text):
        start, end = match.span()
        cluster = match.group()
        if fold is None:
            yield cluster, start, end
        elif cluster.isspace():
            run = (run[0] if run else start, end)
        else:
            if run:
                yield " ", *run
                run = None
            yield fold(cluster), start, end
    if run:
        yield " ", *run


class _Tier:
    """A text under one folding, with the way back to the original characters."""

    def __init__(self, text: str, fold: Callable[[str], str] | None):
        self.fold = fold
        parts: list[str] = []
        # Folded offset of a cluster's edge -> original offset; other offsets are inside a cluster.
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        position = 0
        for folded, start, end in _fold(text, fold):
            parts.append(folded)
            self.starts[position] = start
            position += len(folded)
            self.ends[position] = end
        self.string = "".join(parts)

    def find(self, mention: str) -> Iterator[Place]:
        """Original places equal to the mention under this folding, overlapping ones too."""
        needle = "".join(folded for folded, _, _ in _fold(mention, self.fold))
        at = self.string.find(needle) if needle else -1
        while at >= 0:
            start, end = self.starts.get(at), self.ends.get(at + len(needle))
            if start is not None and end is not None:
                yield start, end
            at = self.string.find(needle, at + 1)


class _TextIndex:
    """A text prepared for many searches; a looser tier is built when first needed."""

    FOLDS = (None, _canonical, _caseless)

    def __init__(
        self,
        text: str,
        starts: Collection[int] | None = None,
        ends: Collection[int] | None = None,
    ):
        self.text = text
        self.starts, self.ends = starts, ends
        self._tiers: list[_Tier] = []
        self._cuts: list[int] | None = None
        self._found: dict[tuple[str, int], list[Place]] = {}

    def occurrences(self, mention: str, tiers: int = len(FOLDS)) -> list[Place]:
        """See `find_occurrences`; `tiers` = 1 keeps to exact matches."""
        mention = _strip(mention)
        key = (mention, tiers)
        if key not in self._found:
            found: list[Place] = []
            for number in range(tiers if mention else 0):
                taken = sorted(found)
                last = 0
                for start, end in self._tier(number).find(mention):
                    if start < last or _overlaps(taken, start, end):
                        continue
                    if self.is_whole((start, end)):
                        found.append((start, end))
                        last = end
            self._found[key] = found
        return self._found[key]

    def _tier(self, number: int) -> _Tier:
        while len(self._tiers) <= number:
            self._tiers.append(_Tier(self.text, self.FOLDS[len(self._tiers)]))
        return self._tiers[number]

    def is_whole(self, place: Place) -> bool:
        """Whether a place begins and ends between words, or where it is said that it may."""
        if self.starts is not None and self.ends is not None:
            return place[0] in self.starts and place[1] in self.ends
        return self._is_cut(place[0]) and self._is_cut(place[1])

    def _is_cut(self, offset: int) -> bool:
        """May a mention begin or end here? Not between two word characters of one word."""
        if offset in (0, len(self.text)):
            return True
        edges = self._tier(0).starts
        if offset not in edges:  # inside a cluster
            return False
        if self._cuts is None:
            self._cuts = list(edges)
        # The first character of a cluster tells what it is; marks and joiners follow it.
        before = self._cuts[bisect_left(self._cuts, offset) - 1]
        left, right = self.text[before], self.text[offset]
        if not (_WORD.match(left) and _WORD.match(right)):
            return True
        return bool(_UNSPACED.match(left) or _UNSPACED.match(right))


def _strip(mention: str) -> str:
    """Without leading and trailing white space (whole clusters of it)."""
    kept = [match.span() for match in _CLUSTER.finditer(mention) if not match.group().isspace()]
    return mention[kept[0][0] : kept[-1][1]] if kept else ""


def _overlaps(taken: list[Place], start: int, end: int) -> bool:
    """Whether start:end shares a character with one of the sorted, disjoint places."""
    at = bisect_left(taken, (start, start))
    return (at < len(taken) and taken[at][0] < end) or (at > 0 and taken[at - 1][1] > start)


def find_occurrences(text: str, mention: str) -> list[Place]:
    """All places of a mention in a text, in characters of the original text, none overlapping.

    Exact matches come first; then those equal up to white space and canonical equivalence (NFC,
    NFD); then those equal up to case as well. Within a tier the order is left to right. A run of
    white space equals one blank, and white space around the mention is ignored.

    A match begins and ends between words, unless the mention's own edge is not a word character
    ("C++" is found in "C++20") or the script sets no spaces there (Chinese, Japanese, Thai, ...;
    Korean, which adds particles to names, counts as such).
    """
    return list(_TextIndex(text).occurrences(mention))


def align_mentions(
    text: str, mentions: Sequence[Mention], flat: bool = False
) -> tuple[list[Mention], list[Mention]]:
    """Find the places of generated strings: (aligned, unaligned), each in the order given.

    The i-th equal mention of a label takes the i-th of its occurrences (`find_occurrences`).
    Aligned mentions carry start, end and the text's own characters. Unaligned ones are returned
    as they came: the string is not in the text, or every occurrence is taken by a mention of the
    same label. A mention that has a place already keeps it, if no earlier one of its label has it.

    flat: occurrences inside a longer mention are taken last ("Texas" after "University of Texas"),
    for annotations that do not nest.

    Raises ValueError if a given place lies outside the text.
    """
    return _assign(_TextIndex(text), mentions, flat, search=True)


def spread_repeats(
    text: str,
    mentions: Sequence[Mention],
    flat: bool = False,
    starts: Collection[int] | None = None,
    ends: Collection[int] | None = None,
) -> tuple[list[Mention], list[Mention]]:
    """Move equal mentions of a label, all copied from one place, on to the next occurrences.

    The first keeps its place, the others take the exact occurrences that follow, then those
    before; so where all were found at the first occurrence, the i-th takes the i-th. Returns
    (spread, surplus), each in the order given. Surplus are mentions for which no occurrence is
    left, and those whose place is blank or missing; they come back unchanged.

    A place inside a word is kept only if no whole word is free ("US" copied from "USA").

    flat: as for `align_mentions`; a mention moves out of a longer one if it occurs elsewhere.
    starts, ends: characters at which mentions may start and end, instead of between words.

    Raises ValueError if a given place lies outside the text.
    """
    return _assign(_TextIndex(text, starts, ends), mentions, flat, search=False)


def _assign(
    index: _TextIndex, mentions: Sequence[Mention], flat: bool, search: bool
) -> tuple[list[Mention], list[Mention]]:
    """Give each mention a place that no other mention of its label has.

    search: look also for mentions without a place of their own.
    """
    own = [_own_place(index.text, mention) for mention in mentions]
    wanted = [
        mention.text if place is None else index.text[slice(*place)]
        for mention, place in zip(mentions, own, strict=True)
    ]
    # Longer first, so that what a shorter mention may lie inside is known.
    order = sorted(range(len(mentions)), key=lambda i: -len(wanted[i]) if flat else 0)
    places: dict[int, Place] = {}
    taken: set[tuple[str, Place]] = set()

    def take(i: int, place: Place) -> bool:
        if (mentions[i].label, place) in taken:
            return False
        taken.add((mentions[i].label, place))
        places[i] = place
        return True

    def inside_longer(place: Place) -> bool:
        start, end = place
        return flat and any(s <= start and end <= e and (s, e) != place for s, e in places.values())

    # Whoever is first at a place keeps it; only then do the others look for one.
    waiting = []
    for i in order:
        place = own[i]
        if not wanted[i].strip() or (place is None and not search):
            continue
        keeps = place and index.is_whole(place) and not inside_longer(place) and take(i, place)
        if not keeps:
            waiting.append(i)

    # One iterator for all equal mentions, so many repeats cost one pass over the occurrences.
    free: dict[tuple[str, str, Place | None], Iterator[Place]] = {}
    for i in waiting:
        place = own[i]
        key = (mentions[i].label, wanted[i], place)
        if key not in free:
            if place is None:
                found = index.occurrences(wanted[i])
            else:  # copied from the text, so only exact occurrences are meant
                found = index.occurrences(wanted[i], tiers=1)
                after = bisect_left(found, place)
                found = found[after:] + found[:after] + [place]
            free[key] = iter(sorted(found, key=inside_longer))
        for candidate in free[key]:
            if take(i, candidate):
                break

    aligned, left = [], []
    for i, mention in enumerate(mentions):
        if i in places:
            start, end = places[i]
            aligned.append(replace(mention, text=index.text[start:end], start=start, end=end))
        else:
            left.append(mention)
    return aligned, left


def _own_place(text: str, mention: Mention) -> Place | None:
    if mention.start is None or mention.end is None:
        return None
    if not 0 <= mention.start <= mention.end <= len(text):
        raise ValueError(
            f"mention {mention.text!r} ({mention.label}) has the place {mention.start}:"
            f"{mention.end}, outside its text of {len(text)} characters: give offsets relative "
            f"to the text passed in"
        )
    return mention.start, mention.end
