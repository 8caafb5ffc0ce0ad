"""From generated strings, and places that are given twice, to characters of the text.

Knows characters only: token spans are made from the result with `Doc.char_span`. How strings are
compared: `text_index`.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from ..plurals import count
from .prediction import Mention
from .text_index import Place, TextIndex


def align_mentions(
    text: str,
    mentions: Sequence[Mention],
    flat: bool = False,
    starts: Collection[int] | None = None,
    ends: Collection[int] | None = None,
) -> tuple[list[Mention], list[Mention]]:
    """Give each mention a place that no other of its label has: (aligned, unaligned), each in the
    order given.

    Of strings without a place, the i-th equal one of a label takes the i-th of its occurrences
    (`TextIndex.occurrences`). Of mentions that were copied from one place, the first keeps it, the
    others take the exact occurrences that follow, then those before; a place inside a word is kept
    only if no whole word is free ("US" copied from "USA").

    Aligned mentions carry start, end and the text's own characters. Unaligned ones come back
    unchanged: they are blank, the string is not in the text, or no occurrence is left.

    flat: occurrences inside a longer mention are taken last ("Texas" after "University of Texas"),
    for annotations that do not nest. starts, ends: characters at which mentions may start and end,
    instead of between words.

    Raises ValueError if a given place lies outside the text.
    """
    index = TextIndex(text, starts, ends)
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
        if not wanted[i].strip():
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
            f"{mention.end}, outside its text of {count(len(text), 'character')}: give offsets "
            f"relative to the text passed in"
        )
    return mention.start, mention.end


def places_of(text: str, mentions: Sequence[Mention]) -> set[tuple[str, int, int]]:
    """Label, start and end of all that have a place in the text, as scores take them."""
    aligned, _ = align_mentions(text, mentions)
    return {(m.label, m.start, m.end) for m in aligned if m.start is not None and m.end is not None}
