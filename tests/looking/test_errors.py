from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.tools.analyze.errors import find_errors
from spacy_padellm.tools.analyze.reliability import (
    expected_calibration_error,
    reliability,
    sweep_thresholds,
)


def kinds(gold, predicted):
    return [(e.kind, e.gold, e.predicted) for e in find_errors(gold, predicted)]


def test_every_kind_of_error():
    gold = {("PER", 0, 5), ("PER", 10, 15), ("ORG", 20, 25), ("LOC", 30, 35), ("LOC", 40, 45)}
    found = {("PER", 0, 5), ("PER", 10, 13), ("LOC", 20, 25), ("ORG", 29, 35), ("PER", 50, 52)}
    assert kinds(gold, found) == [
        ("boundary", ("PER", 10, 15), ("PER", 10, 13)),
        ("label", ("ORG", 20, 25), ("LOC", 20, 25)),
        ("label and boundary", ("LOC", 30, 35), ("ORG", 29, 35)),
        ("missed", ("LOC", 40, 45), None),
        ("invented", None, ("PER", 50, 52)),
    ]


def test_the_same_label_is_paired_before_the_larger_overlap():
    assert kinds({("PER", 0, 10)}, {("PER", 8, 12), ("LOC", 0, 9)}) == [
        ("invented", None, ("LOC", 0, 9)),
        ("boundary", ("PER", 0, 10), ("PER", 8, 12)),
    ]


items = st.sets(
    st.tuples(st.sampled_from("AB"), st.integers(0, 12), st.integers(1, 5)).map(
        lambda t: (t[0], t[1], t[1] + t[2])
    ),
    max_size=8,
)


@given(items, items)
def test_every_wrong_span_is_in_one_error(gold, predicted):
    errors = find_errors(gold, predicted)
    assert sorted(e.gold for e in errors if e.gold) == sorted(gold - predicted)
    assert sorted(e.predicted for e in errors if e.predicted) == sorted(predicted - gold)
    for error in errors:
        assert (error.kind == "missed") == (error.predicted is None)
        assert (error.kind == "invented") == (error.gold is None)


def test_reliability_and_its_error():
    scored = [(0.9, True)] * 9 + [(0.9, False)] + [(0.2, False)] * 5 + [(1.0, True)]
    bins = reliability(scored)
    assert [(b.low, b.n) for b in bins] == [(0.2, 5), (0.9, 11)]
    assert abs(bins[1].right - 10 / 11) < 1e-9
    expected = (5 * 0.2 + 11 * abs((9.0 + 1.0) / 11 - 10 / 11)) / 16
    assert abs(expected_calibration_error(bins) - expected) < 1e-9
    assert reliability([]) == [] and expected_calibration_error([]) == 0


def test_a_sweep_trades_recall_for_precision():
    gold = [{("A", 0, 1), ("A", 2, 3)}]
    scores = {("A", 0, 1): 0.9, ("A", 2, 3): 0.4, ("A", 5, 6): 0.3}
    rows = sweep_thresholds(
        gold, lambda t: [{item for item, p in scores.items() if p >= t}], [0, 0.35, 0.5, 0.95]
    )
    assert [(round(r.p, 2), r.r, r.n) for r in rows] == [
        (0.67, 1, 3), (1, 1, 2), (1, 0.5, 1), (0, 0, 0)
    ]  # fmt: skip
