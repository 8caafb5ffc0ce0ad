"""Which of several competing mentions of one text stay.

Knows mentions only. Every rule returns (kept, dropped); a `Dropped` says why and which mention won,
so nothing vanishes without a trace.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from .prediction import Mention

Reason = Literal["label", "overlap", "identical", "fragment"]
Resolution = Literal["flat", "nested", "paper", "paper_flat", "none"]

RESOLUTIONS: tuple[str, ...] = get_args(Resolution)
# Rules whose result fits `doc.ents`: no two spans overlap.
FLAT_RESOLUTIONS = ("flat", "paper_flat")


@dataclass(frozen=True)
class Dropped:
    """A mention that gave way to another.

    reason: "label" (the string is likelier under another label), "overlap" (a better span shares
    characters), "identical" (same span and label), "fragment" (cut by a window's edge).
    winner: the mention preferred to it.
    """

    mention: Mention
    reason: Reason
    winner: Mention


def resolve(
    mentions: Sequence[Mention], resolution: str = "flat"
) -> tuple[list[Mention], list[Dropped]]:
    """Apply a rule by name.

    "flat": no two spans overlap (`resolve_overlaps`), for `doc.ents`.
    "nested": all spans stay, nested and overlapping too; equal ones once (`drop_identical`).
    "paper": a string has one label within a text (`drop_duplicate_strings`), then as "nested".
    "paper_flat": the paper's rule, then as "flat".
    "none": everything stays, in the order given.

    Raises ValueError for another name, or if a mention has no place (except with "none").
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(
            f"resolution: {resolution!r} is not known, use one of {', '.join(RESOLUTIONS)}"
        )
    if resolution == "none":
        return list(mentions), []
    kept = list(mentions)
    dropped: list[Dropped] = []
    if resolution in ("paper", "paper_flat"):
        kept, dropped = drop_duplicate_strings(kept)
    last = resolve_overlaps if resolution in FLAT_RESOLUTIONS else drop_identical
    kept, also = last(kept)
    return kept, dropped + also


def drop_duplicate_strings(mentions: Sequence[Mention]) -> tuple[list[Mention], list[Dropped]]:
    """The paper's de-duplication: a string that has several labels keeps the likeliest one.

    A label's probability for a string is that of its best mention of it; on a tie the label that
    comes first stays. All mentions of the string under the label that stays are kept, so repeats
    are not touched. Strings are compared exactly; places do not matter. Order is kept.
    """
    best: dict[str, Mention] = {}
    for mention in mentions:
        rival = best.get(mention.text)
        if rival is None or mention.probability > rival.probability:
            best[mention.text] = mention
    kept, dropped = [], []
    for mention in mentions:
        winner = best[mention.text]
        if mention.label == winner.label:
            kept.append(mention)
        else:
            dropped.append(Dropped(mention, "label", winner))
    return kept, dropped


def resolve_overlaps(mentions: Sequence[Mention]) -> tuple[list[Mention], list[Dropped]]:
    """Keep spans that do not overlap: higher probability first, then longer, then earlier.

    A mention is dropped only for a kept one that ranks above it (on a full tie: that was given
    earlier) and shares a character with it. Kept mentions are sorted by start, dropped ones keep
    the order given. Raises ValueError if a mention has no place.
    """
    spans = [_span(mention) for mention in mentions]
    ranked = sorted(
        range(len(mentions)),
        key=lambda i: (-mentions[i].probability, spans[i][0] - spans[i][1], spans[i][0]),
    )
    starts: list[int] = []
    kept: list[Mention] = []
    ends: list[int] = []
    winners: dict[int, Mention] = {}
    for i in ranked:
        start, end = spans[i]
        at = bisect_left(starts, start)
        # Kept spans are disjoint and sorted: only the neighbours can overlap.
        if at > 0 and ends[at - 1] > start:
            winners[i] = kept[at - 1]
        elif at < len(starts) and starts[at] < end:
            # Several may lie inside; name the one that ranks first.
            winners[i] = max(
                kept[at : bisect_left(starts, end)], key=lambda mention: mention.probability
            )
        else:
            starts.insert(at, start)
            ends.insert(at, end)
            kept.insert(at, mentions[i])
    return kept, [
        Dropped(mentions[i], _reason(mentions[i], winners[i]), winners[i]) for i in sorted(winners)
    ]


def drop_identical(mentions: Sequence[Mention]) -> tuple[list[Mention], list[Dropped]]:
    """Keep each span and label once, with its highest probability (on a tie the first given).

    Nested and overlapping spans stay, and so does one span under several labels. Kept mentions are
    sorted by start, longer first; dropped ones keep the order given. Raises ValueError if a
    mention has no place.
    """
    best: dict[tuple[int, int, str], int] = {}
    keys = [(*_span(mention), mention.label) for mention in mentions]
    for i, (key, mention) in enumerate(zip(keys, mentions, strict=True)):
        if key not in best or mention.probability > mentions[best[key]].probability:
            best[key] = i
    kept, dropped = [], []
    for i, (key, mention) in enumerate(zip(keys, mentions, strict=True)):
        if best[key] == i:
            kept.append(mention)
        else:
            dropped.append(Dropped(mention, "identical", mentions[best[key]]))
    kept.sort(key=lambda mention: (_span(mention)[0], -_span(mention)[1]))
    return kept, dropped


def _reason(mention: Mention, winner: Mention) -> Reason:
    same = _span(mention) == _span(winner) and mention.label == winner.label
    return "identical" if same else "overlap"


def _span(mention: Mention) -> tuple[int, int]:
    start, end = mention.start, mention.end
    if start is None or end is None or start >= end:
        raise ValueError(
            f"mention {mention.text!r} ({mention.label}) has no place in the text ({start}:{end}): "
            f"align mentions first and resolve the aligned ones"
        )
    return start, end
