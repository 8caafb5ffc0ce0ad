"""Probabilities that come true as often as they say.

A model says how likely a mention is once it has said how many there are; and it is surer of both
than it should be. Both together, passed through a curve that was fitted on annotated texts which
it was not trained on (Platt, "Probabilistic outputs for support vector machines", 1999), give the
probability that the mention is right. Mentions of one label keep their order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..plurals import count, verb
from .numeric import check_number
from .prediction import Prediction

Floats = npt.NDArray[np.floating]
FEWEST = 50  # mentions to fit on
_EDGE = 1e-7  # of probabilities 0 and 1, whose log-odds are infinite


@dataclass(frozen=True)
class Calibration:
    """sigmoid(slope * log-odds(count probability * mention probability) + intercept). As it is made
    without arguments, it only multiplies the two. Raises ValueError for numbers that are not
    finite, and a slope that is not above 0, which would put the likelier mention last."""

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        check_number("the slope of a calibration", self.slope, above=0)
        check_number("the intercept of a calibration", self.intercept)

    def probability(self, count: float, mention: float) -> float:
        """Of a mention, given the probability of its label's count and its own."""
        return _sigmoid(self.slope * _log_odds(count * mention) + self.intercept)

    def product(self, probability: float) -> float:
        """What `probability` makes this of: the probabilities of count and mention, multiplied."""
        return _sigmoid((_log_odds(probability) - self.intercept) / self.slope)

    def apply(self, prediction: Prediction) -> Prediction:
        """The same counts and mentions; `probability` of the mentions is calibrated."""
        of_count = {count.label: count.probability for count in prediction.counts}
        mentions = [
            replace(m, probability=self.probability(of_count.get(m.label, 1.0), m.probability))
            for m in prediction.mentions
        ]
        return replace(prediction, mentions=mentions)


def fit_calibration(scored: Sequence[tuple[float, bool]]) -> Calibration:
    """The curve under which mentions are likeliest to be as right as they are.

    scored: of each mention the probabilities of count and mention multiplied (those of a
    `Calibration()`), and whether it is right. Raises ValueError for too few, for right ones or
    wrong ones only, and where likelier mentions are not right more often.
    """
    if len(scored) < FEWEST:
        raise ValueError(
            f"{count(len(scored), 'mention')} {verb(len(scored), 'was', 'were')} found, and a "
            f"calibration needs {FEWEST} at least: give more annotated texts"
        )
    right = np.array([is_right for _, is_right in scored], dtype=float)
    n_right = int(right.sum())
    if n_right in (0, len(scored)):
        raise ValueError(
            f"{'all' if n_right else 'none'} of the {len(scored)} mentions are right: a "
            f"calibration needs some of both kinds; give more annotated texts"
        )
    odds = np.array([_log_odds(p) for p, _ in scored])
    if odds.std() < 1e-6:
        raise ValueError(
            f"the {len(scored)} mentions all have one probability: there is nothing to tell right "
            f"from wrong by; give other texts"
        )
    # Platt's targets, never quite 0 or 1: where a probability parts right from wrong, the curve
    # stays finite.
    high, low = (n_right + 1) / (n_right + 2), 1 / (len(scored) - n_right + 2)
    slope, intercept = _fit_line((odds - odds.mean()) / odds.std(), np.where(right, high, low))
    slope /= odds.std()
    if slope <= 0:
        raise ValueError(
            "likelier mentions are not right more often than others: the probabilities of this "
            "model say nothing on these texts, and no curve can mend that"
        )
    return Calibration(float(slope), float(intercept - slope * odds.mean()))


def _fit_line(inputs: Floats, targets: Floats) -> tuple[float, float]:
    """Slope and intercept of the log-odds with the least cross-entropy, by Newton steps that are
    halved until they lead down; the problem is convex, and its inputs are standardised. Raises
    ValueError where the search does not end at the minimum."""
    columns = np.stack([inputs, np.ones_like(inputs)], axis=1)

    def loss(weights: Floats) -> float:
        odds = columns @ weights
        return float((np.logaddexp(0, odds) - targets * odds).mean())

    weights = np.zeros(2)
    for _ in range(200):
        expected = np.exp(-np.logaddexp(0, -(columns @ weights)))
        gradient = columns.T @ (expected - targets) / len(targets)
        if np.abs(gradient).max() < 1e-8:
            return float(weights[0]), float(weights[1])
        spread = expected * (1 - expected) / len(targets)
        curvature = (columns * spread[:, None]).T @ columns + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size, before = 1.0, loss(weights)
        while size > 1e-9 and loss(weights - size * step) > before:
            size /= 2
        weights = weights - size * step
    raise ValueError("no curve could be fitted to these probabilities: give more texts")


def _sigmoid(odds: float) -> float:
    if odds < 0:  # so that exp never overflows
        return math.exp(odds) / (1.0 + math.exp(odds))
    return 1.0 / (1.0 + math.exp(-odds))


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, _EDGE), 1.0 - _EDGE)
    return math.log(clipped / (1.0 - clipped))
