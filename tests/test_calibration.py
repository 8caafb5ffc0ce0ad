"""Probabilities that come true as often as they say."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.spans.calibration import Calibration, fit_calibration
from spacy_padellm.spans.prediction import Count, Mention, Prediction
from spacy_padellm.tools.analyze.reliability import expected_calibration_error, reliability

chances = st.floats(0, 1)


def sure_too_often(n, slope=0.4, intercept=0.3, seed=0):
    """(what the model says, whether it is right), by a curve that is known."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        said = rng.random()
        odds = slope * math.log(said / (1 - said)) + intercept
        found.append((said, rng.random() < 1 / (1 + math.exp(-odds))))
    return found


def error(scored):
    return expected_calibration_error(reliability(scored))


def test_the_curve_behind_the_answers_is_found():
    fitted = fit_calibration(sure_too_often(20000))
    assert abs(fitted.slope - 0.4) < 0.03 and abs(fitted.intercept - 0.3) < 0.05
    unseen = sure_too_often(20000, seed=1)
    calibrated = [(fitted.probability(1.0, p), right) for p, right in unseen]
    assert error(calibrated) < 0.02 < 0.1 < error(unseen)


@given(chances, chances, chances, st.floats(0.01, 500), st.floats(-50, 50))
def test_the_likelier_mention_stays_the_likelier(count, one, other, slope, intercept):
    calibration = Calibration(slope, intercept)
    low, high = sorted([one, other])
    assert 0 <= calibration.probability(count, low) <= calibration.probability(count, high) <= 1


@pytest.mark.parametrize("mean", [0.0, 3.0, 5.0, 9.0])
@pytest.mark.parametrize("slope", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("n", [60, 1000])
def test_however_sure_the_model_is_the_rate_is_met(mean, slope, n):
    """At the optimum, scores are right on average."""
    rng = random.Random(n)
    odds = [rng.gauss(mean, 1.5) for _ in range(n)]
    chance = [1 / (1 + math.exp(-slope * (x - mean) + 0.4)) for x in odds]
    scored = [(1 / (1 + math.exp(-x)), rng.random() < c) for x, c in zip(odds, chance, strict=True)]
    fitted = fit_calibration(scored)
    mean_score = sum(fitted.probability(1.0, p) for p, _ in scored) / n
    n_right = sum(right for _, right in scored)
    smoothed = n_right * (n_right + 1) / (n_right + 2) + (n - n_right) / (n - n_right + 2)
    assert abs(mean_score - smoothed / n) < 1e-3


def test_two_scores_and_nothing_between():
    fitted = fit_calibration([(0.9999, True)] * 200 + [(0.999, False)] * 200)
    assert fitted.probability(1.0, 0.9999) > 0.95 and fitted.probability(1.0, 0.999) < 0.05
    assert fitted.probability(0.001, 0.001) < 1e-6  # and no overflow


def test_count_and_mention_are_multiplied():
    mentions = [Mention("A", 1, "x", 0, 1, 0.8, (0.9, 0.89)), Mention("B", 1, "y", 2, 3, 1.0)]
    said = Prediction([Count("A", 1, 0.5), Count("B", 1, 1.0)], mentions)
    found = Calibration().apply(said)
    assert [round(m.probability, 5) for m in found.mentions] == [0.4, 1.0]
    assert found.counts == said.counts
    assert found.mentions[0].token_probabilities == (0.9, 0.89)


def test_a_probability_that_parts_right_from_wrong_can_be_calibrated():
    fitted = fit_calibration([(i / 200, i >= 120) for i in range(200)])
    assert fitted.probability(1.0, 0.9) > 0.95 and fitted.probability(1.0, 0.3) < 0.05


@pytest.mark.parametrize(
    ("scored", "said"),
    [
        ([(0.5, True)] * 49, "49 mentions"),
        ([(0.9, True)] * 60, "all of the 60 mentions are right"),
        ([(0.9, False)] * 60, "none of the 60 mentions are right"),
        ([(0.9, True), (0.9, False)] * 30, "one probability"),
        ([(0.9, False), (0.1, True)] * 50, "say nothing"),
    ],
)
def test_what_cannot_be_fitted_is_said(scored, said):
    with pytest.raises(ValueError, match=said):
        fit_calibration(scored)


@pytest.mark.parametrize("slope", [0.0, -1.0, math.nan, math.inf])
def test_a_curve_that_falls_is_refused(slope):
    with pytest.raises(ValueError, match="above 0"):
        Calibration(slope)
