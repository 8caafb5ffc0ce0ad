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

from .types import Prediction

FEWEST = 50  # mentions to fit on
_EDGE = 1e-7  # of probabilities 0 and 1, whose log-odds are infinite


@dataclass(frozen=True)
class Calibration:
    """sigmoid(slope * log-odds(count probability * mention probability) + intercept).

    As it is made without arguments, it only multiplies the two. Raises ValueError for a slope
    that is not above 0, which would put the likelier mention last.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (self.slope > 0 and math.isfinite(self.slope) and math.isfinite(self.intercept)):
            raise ValueError(f"a calibration's slope must be above 0, not {self.slope}")

    def probability(self, count: float, mention: float) -> float:
        """Of a mention, given the probability of its label's count and its own."""
        return 1.0 / (1.0 + math.exp(-self.slope * _log_odds(count * mention) - self.intercept))

    def apply(self, prediction: Prediction) -> Prediction:
        """The same counts and mentions; `probability` of the mentions is calibrated."""
        of_count = {count.label: count.probability for count in prediction.counts}
        mentions = [
            replace(m, probability=self.probability(of_count.get(m.label, 1.0), m.probability))
            for m in prediction.mentions
        ]
        return replace(prediction, mentions=mentions)


def fit_calibration(scored: Sequence[tuple[float, bool]]) -> Calibration:
    """The curve under which mentions are likeliest to be as right as they are, by Newton steps.

    scored: of each mention the probabilities of count and mention multiplied (those of a
    `Calibration()`), and whether it is right. Raises ValueError for too few, for right ones or
    wrong ones only, and where likelier mentions are not right more often.
    """
    if len(scored) < FEWEST:
        raise ValueError(
            f"{len(scored)} mentions were found, and a calibration needs {FEWEST} at least: give "
            f"more annotated texts"
        )
    right = np.array([is_right for _, is_right in scored], dtype=float)
    inputs = np.array([[_log_odds(p), 1.0] for p, _ in scored])
    n_right = right.sum()
    if n_right in (0, len(right)):
        raise ValueError(
            f"{'all' if n_right else 'none'} of the {len(right)} mentions are right: a calibration "
            f"needs some of both kinds; give more annotated texts"
        )
    # Platt's targets, never quite 0 or 1: where a probability parts right from wrong, the curve
    # stays finite.
    high, low = (n_right + 1) / (n_right + 2), 1 / (len(right) - n_right + 2)
    targets = np.where(right > 0, high, low)
    weights = np.array([1.0, 0.0])
    for _ in range(100):
        expected = 1.0 / (1.0 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slopes = inputs.T @ (targets - expected)
        curvature = (inputs * (expected * (1 - expected))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-6 * np.eye(2), slopes)
        weights = weights + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    if weights[0] <= 0:
        raise ValueError(
            "likelier mentions are not right more often than others: the probabilities of this "
            "model say nothing on these texts, and no curve can mend that"
        )
    return Calibration(float(weights[0]), float(weights[1]))


def _log_odds(probability: float) -> float:
    clipped = min(max(probability, _EDGE), 1.0 - _EDGE)
    return math.log(clipped / (1.0 - clipped))
