"""Thresholds that keep what they promise, on numbers whose rule is known."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.spans.choosing import (
    Aim,
    between,
    choose_for_precision,
    choose_for_recall,
    fewest_mentions,
    lower_bound,
    times_enough,
)

LISTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60)


def tail(right, n, share):
    """The probability of so many right ones or more."""
    return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(right, n + 1))


@given(st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
       st.sampled_from([0.5, 0.9, 0.95, 0.999]))  # fmt: skip
def test_the_bound_is_exact(counts, confidence):
    right, n = counts
    bound = lower_bound(right, n, confidence)
    assert 0 <= bound <= right / n
    if right:
        assert tail(right, n, bound) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize("aim", [0.5, 0.9, 0.99])
def test_the_fewest_mentions_that_show_it(aim):
    n = fewest_mentions(aim, 0.9)
    assert lower_bound(n, n, 0.9) >= aim > lower_bound(n - 1, n - 1, 0.9)


def test_bounds_of_many_mentions_are_quick_and_near():
    assert 0.898 < lower_bound(90_000, 100_000, 0.9) < 0.9


def drawn(rng, n):
    """Mentions that are right as often as their rule says: four of ten, and more of likelier."""
    scores = [rng.random() for _ in range(n)]
    return [(p, rng.random() < 0.4 + 0.6 * p) for p in scores]


@pytest.mark.parametrize(("n", "often"), [(150, 0.2), (800, 0.9)])
def test_a_precision_is_kept_as_often_as_promised(n, often):
    rng = random.Random(n)
    broken = reached = 0
    for _ in range(120):
        choice = choose_for_precision(drawn(rng, n), n, 0.85, 0.9)
        threshold = between(choice.below, choice.least)
        of_all_to_come = 0.4 + 0.3 * (1 + threshold)  # right ones among what the threshold leaves
        reached += choice.reached
        broken += choice.reached and of_all_to_come < 0.85
    assert reached >= often * 120 and broken <= 0.1 * 120


def test_a_recall_is_kept_as_often_as_promised():
    rng = random.Random(0)
    broken = reached = 0
    for _ in range(150):
        scored = [(rng.random(), True) for _ in range(200) if rng.random() < 0.95]
        choice = choose_for_recall(scored, 200, 0.8, 0.9)
        reached += choice.reached
        broken += 0.95 * (1 - between(choice.below, choice.least)) < 0.8
    assert reached == 150 and 0 < broken <= 0.15 * 150  # and no more is given away than need be


@given(LISTS, st.floats(0.05, 0.99), st.floats(0.05, 0.99))
def test_whatever_comes_a_threshold_parts_what_it_says(scored, aim, confidence):
    n_gold = sum(right for _, right in scored) + 2
    for choice in (
        choose_for_precision(scored, n_gold, aim, confidence),
        choose_for_recall(scored, n_gold, aim, confidence),
    ):
        if choice is None:
            assert not scored
            continue
        threshold = between(choice.below, choice.least)
        assert 0 <= threshold <= 1
        assert choice.below is None or choice.below < threshold < choice.least
        assert not choice.reached or aim <= choice.bound <= 1
        if choice.below is None:
            assert threshold == 0


def test_where_all_are_right_all_are_kept():
    scored = [(i / 100, True) for i in range(1, 100)]
    choice = choose_for_precision(scored, 1, 0.9, 0.9)
    assert choice.reached and between(choice.below, choice.least) == 0
    assert choose_for_precision(scored[:20], 1, 0.9, 0.9).reached is False  # it takes 22
    assert choose_for_precision([], 1, 0.9, 0.9) is None
    assert choose_for_precision([(0.5, False)] * 60, 0, 0.9, 0.9) is None
    assert choose_for_recall([], 0, 0.9, 0.9) is None


def test_equal_probabilities_stay_together():
    scored = [(0.5, i % 4 > 0) for i in range(100)]
    choice = choose_for_precision(scored, 1, 0.9, 0.9)
    assert not choice.reached and choice.below is None


def test_few_that_are_sure_are_looked_at_where_equals_leave_no_half():
    scored = [(0.9, True)] * 30 + [(0.5, i % 10 == 0) for i in range(140)]
    choice = choose_for_precision(scored, 1, 0.9, 0.9)
    assert choice.reached and (choice.below, choice.least) == (0.5, 0.9)
    assert not choose_for_precision(scored[10:], 1, 0.9, 0.9).reached


def test_mentions_that_a_precision_takes():
    """As docs/explain.md has it."""

    def least(share_of_right):
        """The fewest mentions that reach it, of which the likeliest are right and others wrong."""
        for n in range(1, 200):
            right = math.ceil(share_of_right * n)
            scored = [(1 - i / 1000, i < right) for i in range(n)]
            if choose_for_precision(scored, 1, 0.9, 0.9).reached:
                return n, right
        return None

    assert least(1) == (22, 22)
    assert least(0.5) == (57, 29)
    assert least(0.25) == (129, 33)


@given(LISTS, st.booleans(), st.sampled_from([0.6, 0.8, 0.9]))
def test_times_that_are_enough_are(scored, is_precision, share):
    n_gold, aim = sum(right for _, right in scored) + 1, Aim(is_precision, share)
    choose = choose_for_precision if is_precision else choose_for_recall
    times = times_enough(scored, n_gold, aim)
    if times is not None:
        found = choose(scored * times, n_gold * times, share, 0.9)
        assert found.reached and found.bound >= share
    elif is_precision:  # no likeliest half, quarter and so on is right often enough
        right = sum(right for _, right in scored)
        assert not scored or right <= (share + 0.1) * len(scored)


def test_times_that_are_enough_of_many_mentions_are_soon_told():
    rng = random.Random(0)
    assert times_enough([(rng.random(), i % 2 > 0) for i in range(9000)], 9, Aim(True, 0.9)) is None
    sure = [(1 - i / 1000, i < 35 or i % 2 > 0) for i in range(100)]
    assert not choose_for_precision(sure, 1, 0.9, 0.9).reached
    assert times_enough(sure, 1, Aim(True, 0.9)) == 2


@pytest.mark.parametrize("share", [0, 1, -1, 1.5, math.nan, True, "0.9"])
def test_aims_that_are_none(share):
    with pytest.raises(ValueError, match=r"^precision is"):
        Aim(True, share)
    with pytest.raises(ValueError, match=r"^confidence is"):
        Aim(False, 0.9, share)
