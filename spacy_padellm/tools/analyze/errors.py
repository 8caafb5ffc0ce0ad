"""How a predicted mention differs from gold: cut wrong, labelled wrong, missed, or invented.

Spans are (label, start, end) in any unit; end exclusive.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Item = tuple[str, int, int]  # label, start, end
Kind = Literal["boundary", "label", "label and boundary", "missed", "invented"]


@dataclass(frozen=True)
class SpanError:
    """gold: None for an invented mention. predicted: None for a missed one."""

    kind: Kind
    gold: Item | None
    predicted: Item | None


def find_errors(gold: Iterable[Item], predicted: Iterable[Item]) -> list[SpanError]:
    """Every gold span that was not found and every span that is not gold is in one error. A wrong
    span is paired with the gold span that it overlaps most, one with one; the same label first,
    then the same boundaries. Errors are in the order of the text."""
    wanted, found = set(gold), set(predicted)
    missed, wrong = sorted(wanted - found, key=_place), sorted(found - wanted, key=_place)
    pairs = sorted(
        (
            (-_likeness(g, p), i, j)
            for i, g in enumerate(missed)
            for j, p in enumerate(wrong)
            if _overlap(g, p)
        )
    )
    errors, used_gold, used_wrong = [], set(), set()
    for _, i, j in pairs:
        if i in used_gold or j in used_wrong:
            continue
        used_gold.add(i)
        used_wrong.add(j)
        errors.append(SpanError(_kind(missed[i], wrong[j]), missed[i], wrong[j]))
    errors += [SpanError("missed", g, None) for i, g in enumerate(missed) if i not in used_gold]
    errors += [SpanError("invented", None, p) for j, p in enumerate(wrong) if j not in used_wrong]
    return sorted(errors, key=lambda error: _place(error.gold or error.predicted or ("", 0, 0)))


def _kind(gold: Item, predicted: Item) -> Kind:
    if gold[1:] == predicted[1:]:
        return "label"
    return "boundary" if gold[0] == predicted[0] else "label and boundary"


def _likeness(gold: Item, predicted: Item) -> float:
    whole = max(gold[2], predicted[2]) - min(gold[1], predicted[1])
    return (
        2 * (gold[0] == predicted[0])
        + (gold[1:] == predicted[1:])
        + _overlap(gold, predicted) / max(whole, 1)
    )


def _overlap(one: Item, other: Item) -> int:
    return max(0, min(one[2], other[2]) - max(one[1], other[1]))


def _place(item: Item) -> tuple[int, int, str]:
    return item[1], item[2], item[0]
