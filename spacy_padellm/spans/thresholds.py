"""The least probability of a mention: one number for all labels, or a number for each label."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from .numeric import check_number

Threshold = float | dict[str, float]
LEAST = 0.0  # of a label that a mapping does not name: all of its mentions stay


def read_threshold(given: Any, setting: str = "threshold") -> Threshold:
    """A number, or numbers by label, of a mapping or of pairs [label, number].

    Raises ValueError, naming the setting and the label, for anything else, for a number that is
    not from 0 to 1, for a label that is there twice, and for no label at all.
    """
    if not isinstance(given, Mapping | list | tuple):
        check_number(setting, given, least=0, most=1)
        return float(given)
    pairs: Iterable[Any] = given.items() if isinstance(given, Mapping) else given
    found: dict[str, float] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError(
                f"{setting} is {repr(given)[:100]}: give a number, a mapping label → number, or "
                f"pairs [[label, number], ...]"
            )
        label, number = pair
        if label in found:
            raise ValueError(f"{setting}: {label!r} is there twice")
        check_number(f"{setting} of {label!r}", number, least=0, most=1)
        found[label] = float(number)
    if not found:
        raise ValueError(f"{setting} is {given!r}: give a number, or a number for each label")
    return found


def threshold_of(threshold: Threshold, label: str) -> float:
    """The least probability of a label's mentions."""
    return threshold.get(label, LEAST) if isinstance(threshold, dict) else threshold


def moved(threshold: Threshold, move: Callable[[float], float]) -> Threshold:
    """The same mentions' threshold on another scale. 0, which keeps all, and 1 stay."""

    def one(number: float) -> float:
        return move(number) if 0 < number < 1 else number

    if isinstance(threshold, dict):
        return {label: one(number) for label, number in threshold.items()}
    return one(threshold)


def unknown_labels(threshold: Threshold, known: Collection[str]) -> list[str]:
    """Those that a threshold names and that are not known."""
    named = threshold if isinstance(threshold, dict) else ()
    return [label for label in named if label not in known]


def show_threshold(threshold: Threshold) -> str:
    """In a few characters, for people."""
    if isinstance(threshold, dict):
        return ", ".join(f"{label} {number:g}" for label, number in threshold.items())
    return f"{threshold:g}"
