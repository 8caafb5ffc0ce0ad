"""Long texts: cut into windows that fit the language model, and put together again.

`split_windows` counts in units (tokens of a Doc) and their cost (tokens of the language model);
`merge_windows` counts in characters of the whole text. Neither knows what makes a sentence.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from .prediction import Count, Mention, Prediction
from .resolution import Dropped, drop_identical


@dataclass(frozen=True)
class Window:
    """Units start to end, end exclusive."""

    start: int
    end: int


def split_windows(
    costs: Sequence[int],
    max_cost: int,
    overlap: int = 0,
    sentence_starts: Sequence[bool] | None = None,
) -> list[Window]:
    """Cut a sequence of units into windows that cost at most `max_cost` each.

    costs: of each unit, 0 or more. overlap: cost of what a window repeats of the one before, at
    most. sentence_starts: whether a unit begins a sentence; without them, any unit may be a cut.

    A window ends before the last sentence start that it can reach, and else, in a sentence too
    long for it, before any unit. The next one begins at the first sentence start within the
    overlap, and else as early as the overlap allows. Every unit lies in at least one window, and
    both the start and the end of consecutive windows advance. A unit that costs more than
    `max_cost` by itself is a window of its own, the only kind that exceeds `max_cost`.

    Raises ValueError for a max_cost below 1, an overlap below 0 or not below max_cost, a negative
    cost, or sentence_starts of another length than costs.
    """
    if max_cost < 1:
        raise ValueError(f"max_cost: must be at least 1, not {max_cost}")
    if not 0 <= overlap < max_cost:
        raise ValueError(
            f"overlap: must be at least 0 and below max_cost ({max_cost}), not {overlap}"
        )
    if any(cost < 0 for cost in costs):
        raise ValueError("costs: must be 0 or more for every unit")
    if sentence_starts is not None and len(sentence_starts) != len(costs):
        raise ValueError(
            f"sentence_starts has {len(sentence_starts)} entries and costs {len(costs)}: give one "
            f"a unit in both"
        )
    total = [0, *accumulate(costs)]  # total[i]: cost of all units before i
    cuts = [i for i, begins in enumerate(sentence_starts or ()) if begins]
    windows: list[Window] = []
    start = end = 0  # of the window in the making; the one before ends at `end`
    while end < len(costs):
        reach = max(bisect_right(total, total[start] + max_cost) - 1, start + 1)
        last_end, end = end, reach
        if reach < len(costs):
            cut = bisect_right(cuts, reach) - 1
            if cut >= 0 and cuts[cut] > last_end:
                end = cuts[cut]
        windows.append(Window(start, end))
        start = _next_start(total, cuts, windows[-1], max_cost, overlap)
    return windows


def _next_start(
    total: list[int], cuts: list[int], window: Window, max_cost: int, overlap: int
) -> int:
    """Where the window after this one begins: it must also hold the unit at this one's end."""
    end = window.end
    if overlap == 0 or end == len(total) - 1:
        return end
    earliest = max(
        bisect_left(total, total[end] - overlap),
        bisect_left(total, total[end + 1] - max_cost),
        window.start + 1,
    )
    if earliest >= end:
        return end
    cut = bisect_left(cuts, earliest)
    return cuts[cut] if cut < len(cuts) and cuts[cut] <= end else earliest


def merge_windows(
    text: str, spans: Sequence[tuple[int, int]], predictions: Sequence[Prediction]
) -> tuple[Prediction, list[Dropped]]:
    """Put the predictions for the windows of a text together: (prediction, dropped).

    spans: characters (start, end) of each window in the text. predictions: one a window, offsets
    relative to the window's own text; those returned are relative to the whole text.

    Two things only are dropped: a mention with the same span and label as a likelier one of
    another window ("identical"), and a mention that touches the cut of its window while another
    window read past that cut and found a longer mention of that label around it ("fragment").
    Everything else stays, overlapping or not, for `resolve` to judge; so do mentions without a
    place.

    Mentions are sorted by place, those without one last, and numbered anew by label. The count of
    a label is the sum over its windows less what was dropped; its probability is the product, that
    of all its windows being right.

    Raises ValueError if spans and predictions differ in length or a span lies outside the text.
    """
    if len(spans) != len(predictions):
        raise ValueError(
            f"spans has {len(spans)} windows and predictions {len(predictions)}: give one "
            f"prediction a window"
        )
    for start, end in spans:
        if not 0 <= start <= end <= len(text):
            raise ValueError(
                f"spans: the window {start}:{end} lies outside the text of {len(text)} characters"
            )

    shifted = [
        [_shift(mention, start) for mention in prediction.mentions]
        for (start, _), prediction in zip(spans, predictions, strict=True)
    ]
    placed: list[Mention] = []
    unplaced: list[Mention] = []
    dropped: list[Dropped] = []
    for span, mentions in zip(spans, shifted, strict=True):
        for mention in mentions:
            if not _has_place(mention):
                unplaced.append(mention)
                continue
            whole = _whole(text, span, mention, shifted)
            if whole is None:
                placed.append(mention)
            else:
                dropped.append(Dropped(mention, "fragment", whole))
    kept, identical = drop_identical(placed)
    dropped += identical

    less = Counter(drop.mention.label for drop in dropped)
    return Prediction(_sum_counts(predictions, less), number_anew(kept + unplaced)), dropped


def _has_place(mention: Mention) -> bool:
    return mention.start is not None and mention.end is not None and mention.start < mention.end


def _shift(mention: Mention, by: int) -> Mention:
    if mention.start is None or mention.end is None:
        return mention
    return replace(mention, start=mention.start + by, end=mention.end + by)


def _whole(
    text: str, span: tuple[int, int], mention: Mention, windows: Sequence[Sequence[Mention]]
) -> Mention | None:
    """The longest mention of another window that this one is a cut-off part of, if any."""
    assert mention.start is not None and mention.end is not None
    cut_left = span[0] > 0 and not text[span[0] : mention.start].strip()
    cut_right = span[1] < len(text) and not text[mention.end : span[1]].strip()
    if not (cut_left or cut_right):
        return None
    wholes = [
        (other.end - other.start, other.probability, other)
        for others in windows
        for other in others
        if other.label == mention.label
        and other.start is not None
        and other.end is not None
        and other.start <= mention.start
        and mention.end <= other.end
        # Only what reaches over the cut, so in another window, shows that it was one.
        and ((cut_left and other.start < span[0]) or (cut_right and other.end > span[1]))
    ]
    # The longest is no fragment itself: what would hold it would be a longer one here.
    return max(wholes, key=lambda whole: whole[:2])[2] if wholes else None


def _sum_counts(predictions: Sequence[Prediction], less: Counter[str]) -> list[Count]:
    counts: dict[str, Count] = {}
    for prediction in predictions:
        for count in prediction.counts:
            sum_ = counts.get(count.label, Count(count.label, 0, 1.0))
            counts[count.label] = Count(
                count.label,
                sum_.value + count.value,
                sum_.probability * count.probability,
                sum_.capped or count.capped,
            )
    return [
        replace(count, value=max(count.value - less[count.label], 0)) for count in counts.values()
    ]


def number_anew(mentions: Sequence[Mention]) -> list[Mention]:
    """The same mentions, numbered from 1 within each label."""
    seen: Counter[str] = Counter()
    numbered = []
    for mention in mentions:
        seen[mention.label] += 1
        numbered.append(replace(mention, index=seen[mention.label]))
    return numbered
