"""Whether probabilities mean what they say, and what a threshold on them buys.

Plain numbers in, plain records out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...spans.scoring import span_scores
from .errors import Item


@dataclass(frozen=True)
class Bin:
    """Mentions whose probability lies in [low, high). right: the part of them that is right."""

    low: float
    high: float
    n: int
    probability: float
    right: float


def reliability(scored: Sequence[tuple[float, bool]], n_bins: int = 10) -> list[Bin]:
    """scored: (probability, whether it is right) of each mention. Empty bins are left out."""
    bins = []
    for i in range(n_bins):
        low, high = i / n_bins, (i + 1) / n_bins
        inside = [(p, right) for p, right in scored if low <= p < high or (p >= 1 and high == 1)]
        if inside:
            n = len(inside)
            mean = sum(p for p, _ in inside) / n
            bins.append(Bin(low, high, n, mean, sum(right for _, right in inside) / n))
    return bins


def expected_calibration_error(bins: Iterable[Bin]) -> float:
    """The mean distance of probability and rate of right ones over all mentions (Naeini et al.,
    "Obtaining well calibrated probabilities", 2015); 0 without mentions."""
    bins = list(bins)
    total = sum(b.n for b in bins)
    return sum(b.n * abs(b.probability - b.right) for b in bins) / total if total else 0.0


@dataclass(frozen=True)
class ThresholdScore:
    """Strict precision, recall and F1 of the mentions that a threshold leaves."""

    threshold: float
    p: float
    r: float
    f: float
    n: int


def sweep_thresholds(
    golds: Sequence[set[Item]],
    predicted_at: Callable[[float], Sequence[set[Item]]],
    thresholds: Iterable[float],
) -> list[ThresholdScore]:
    """golds: of each text. predicted_at: what is found in each text with a threshold."""
    found = []
    for threshold in thresholds:
        predicted = predicted_at(threshold)
        scores = span_scores(golds, predicted)
        n = sum(map(len, predicted))
        found.append(ThresholdScore(threshold, scores["p"], scores["r"], scores["f"], n))
    return found
