"""Where strings occur in a text, in characters, under foldings that are ever looser.

Search compares grapheme clusters, so a match never splits an accented letter, a flag or an emoji
sequence, and offsets stay right where folding changes the length (`İ`, `ß`). A place is a pair
(start, end) of character offsets into the original text, end exclusive.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator

import regex

Place = tuple[int, int]

MOST_FOLDED = 4  # characters that folding makes of one
_CLUSTER = regex.compile(r"\X")
_LONG_RUN = regex.compile(r"(\s)\s+(\s)")
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

    def find(self, mention: str, accepts: Callable[[Place], bool]) -> Iterator[Place]:
        """Original places equal to the mention under this folding, one behind the other.

        accepts: asked of a place before the strings are compared, since that is what costs where
        both are long.
        """
        needle = "".join(folded for folded, _, _ in _fold(mention, self.fold))
        if not needle or needle not in self.string:
            return
        reached = 0
        for at, start in self.starts.items():
            end = self.ends.get(at + len(needle))
            if at < reached or end is None or not accepts((start, end)):
                continue
            if self.string.startswith(needle, at):
                yield start, end
                reached = at + len(needle)


class TextIndex:
    """A text prepared for many searches; a looser tier is built when first needed."""

    FOLDS = (None, _canonical, _caseless)

    def __init__(
        self, text: str, starts: Collection[int] | None = None, ends: Collection[int] | None = None
    ):
        self.text = text
        self.starts, self.ends = starts, ends
        self._tiers: list[_Tier] = []
        self._cuts: list[int] | None = None
        self._found: dict[tuple[str, int], list[Place]] = {}

    def occurrences(self, mention: str, tiers: int = len(FOLDS)) -> list[Place]:
        """All places of a mention in the text, none overlapping.

        Exact matches come first; then those equal up to white space and canonical equivalence
        (NFC, NFD); then those equal up to case as well. Within a tier the order is left to right.
        A run of white space equals one blank, and white space around the mention is ignored.

        A match begins and ends between words, unless the mention's own edge is not a word character
        ("C++" is found in "C++20") or the script sets no spaces there (Chinese, Japanese, Thai,
        ...; Korean, which adds particles to names, counts as such).

        tiers: 1 keeps to exact matches.
        """
        mention = _strip(_shorten(mention, len(self.text)))
        key = (mention, tiers)
        if key not in self._found:
            found: list[Place] = []
            for number in range(tiers if mention else 0):
                taken = sorted(found)

                def is_free(place: Place, taken: list[Place] = taken) -> bool:
                    return not _overlaps(taken, *place) and self.is_whole(place)

                found += self._tier(number).find(mention, is_free)
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


def _shorten(mention: str, size: int) -> str:
    """The mention, without what a text of `size` characters cannot hold; "" where that is all.
    Whoever wrote it may have written without end; taking it apart cluster by cluster would take
    seconds a million characters."""
    if len(mention) <= size:
        return mention
    # It can only be equal up to white space, of which the ends of a run stand for all of it.
    mention = _LONG_RUN.sub(r"\1\2", mention)
    return mention if len(mention) <= MOST_FOLDED * size + 4 else ""


def _strip(mention: str) -> str:
    """Without leading and trailing white space (whole clusters of it)."""
    kept = [match.span() for match in _CLUSTER.finditer(mention) if not match.group().isspace()]
    return mention[kept[0][0] : kept[-1][1]] if kept else ""


def _overlaps(taken: list[Place], start: int, end: int) -> bool:
    """Whether start:end shares a character with one of the sorted, disjoint places."""
    at = bisect_left(taken, (start, start))
    return (at < len(taken) and taken[at][0] < end) or (at > 0 and taken[at - 1][1] > start)
