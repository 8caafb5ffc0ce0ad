import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.resolution import (
    FLAT_RESOLUTIONS,
    RESOLUTIONS,
    Dropped,
    drop_duplicate_strings,
    drop_identical,
    resolve,
    resolve_overlaps,
)


def make(label, start, end, probability=0.5, text=None, index=1):
    return Mention(label, index, text or f"{start}:{end}", start, end, probability)


@st.composite
def mentions(draw, size=12):
    made = []
    for index in range(draw(st.integers(0, size))):
        start = draw(st.integers(0, 15))
        end = start + draw(st.integers(1, 6))
        probability = draw(st.sampled_from([0.2, 0.5, 0.9]))
        made.append(make(draw(st.sampled_from("AB")), start, end, probability, index=index))
    return made


def overlap(a, b):
    return a.start < b.end and b.start < a.end


def test_a_string_keeps_its_likeliest_label():
    org, per = make("ORG", 0, 6, 0.9, "Cairns"), make("PER", 0, 6, 0.7, "Cairns")
    other = make("PER", 10, 17, 0.6, "Vaughan")
    assert drop_duplicate_strings([org, per, other]) == (
        [org, other],
        [Dropped(per, "label", org)],
    )
    assert drop_duplicate_strings([per, org, other])[0] == [org, other]


def test_repeats_of_a_string_stay_or_go_with_their_label():
    weak, strong = make("ORG", 0, 3, 0.3, "TWA"), make("ORG", 9, 12, 0.9, "TWA")
    middle = [make("MISC", 0, 3, 0.5, "TWA"), make("MISC", 9, 12, 0.6, "TWA")]
    kept, dropped = drop_duplicate_strings([weak, *middle, strong])
    assert kept == [weak, strong]
    assert [(drop.mention, drop.winner) for drop in dropped] == [(m, strong) for m in middle]


def test_the_first_label_stays_on_a_tie():
    first, second = make("LOC", 0, 5, 0.5, "Texas"), make("ORG", 0, 5, 0.5, "Texas")
    assert drop_duplicate_strings([first, second])[0] == [first]
    assert drop_duplicate_strings([second, first])[0] == [second]


def test_strings_need_no_place():
    lost = Mention("ORG", 1, "Nowhere", None, None, 0.4)
    assert drop_duplicate_strings([lost]) == ([lost], [])


def test_higher_probability_then_longer_then_earlier():
    likelier, longer = make("A", 0, 2, 0.9), make("B", 0, 5, 0.8)
    assert resolve_overlaps([longer, likelier])[0] == [likelier]
    short, long = make("A", 0, 2, 0.8), make("B", 0, 5, 0.8)
    assert resolve_overlaps([short, long])[0] == [long]
    early, late = make("A", 0, 3, 0.8), make("B", 2, 5, 0.8)
    assert resolve_overlaps([late, early])[0] == [early]


def test_touching_spans_do_not_overlap_and_come_sorted():
    right, left = make("A", 4, 8), make("A", 0, 4)
    assert resolve_overlaps([right, left]) == ([left, right], [])


def test_the_reason_and_the_winner_are_told():
    inner, outer = make("A", 2, 4, 0.9), make("B", 0, 6, 0.5)
    copy = make("A", 2, 4, 0.3, index=2)
    kept, dropped = resolve_overlaps([outer, inner, copy])
    assert kept == [inner]
    assert dropped == [Dropped(outer, "overlap", inner), Dropped(copy, "identical", inner)]


def test_only_equal_spans_of_one_label_are_identical():
    low, high = make("A", 0, 4, 0.2), make("A", 0, 4, 0.9, index=2)
    nested, other_label = make("A", 0, 2), make("B", 0, 4)
    kept, dropped = drop_identical([nested, low, other_label, high])
    assert kept == [other_label, high, nested]
    assert dropped == [Dropped(low, "identical", high)]


@pytest.mark.parametrize("start, end", [(None, None), (3, 3)])
@pytest.mark.parametrize("rule", [resolve_overlaps, drop_identical])
def test_a_mention_without_a_place_is_refused(rule, start, end):
    with pytest.raises(ValueError, match="align mentions first"):
        rule([Mention("A", 1, "x", start, end, 0.5)])


def test_an_unknown_rule_is_refused_by_name():
    with pytest.raises(ValueError, match=r"resolution: 'best'.*flat"):
        resolve([], "best")


def test_rules_by_name():
    org, per = make("ORG", 0, 6, 0.9, "Cairns"), make("PER", 0, 6, 0.7, "Cairns")
    whole = make("ORG", 0, 12, 0.8, "Cairns Times")
    again = make("PER", 20, 26, 0.6, "Cairns")
    found = [org, per, whole, again]
    assert resolve(found, "none") == (found, [])
    assert resolve(found, "nested")[0] == [whole, org, per, again]
    assert resolve(found, "paper")[0] == [whole, org]
    assert resolve(found, "flat")[0] == [org, again]
    assert resolve(found, "paper_flat")[0] == [org]
    assert resolve(found)[0] == [org, again]


@given(mentions())
def test_flat_spans_never_overlap_and_nothing_more_would_fit(found):
    kept, dropped = resolve_overlaps(found)
    assert [m.start for m in kept] == sorted(m.start for m in kept)
    assert not any(overlap(a, b) for i, a in enumerate(kept) for b in kept[:i])

    def rank(mention):
        return (
            -mention.probability,
            mention.start - mention.end,
            mention.start,
            mention.index,
        )

    for drop in dropped:
        assert drop.winner in kept
        assert overlap(drop.mention, drop.winner)
        assert rank(drop.winner) < rank(drop.mention)


@given(mentions())
def test_flat_is_the_greedy_choice(found):
    greedy = []
    for mention in sorted(found, key=lambda m: (-m.probability, m.start - m.end, m.start)):
        if not any(overlap(mention, other) for other in greedy):
            greedy.append(mention)
    assert resolve_overlaps(found)[0] == sorted(greedy, key=lambda m: m.start)


@given(mentions(), st.sampled_from(RESOLUTIONS))
def test_every_mention_is_kept_or_dropped(found, rule):
    kept, dropped = resolve(found, rule)
    every = [*kept, *(drop.mention for drop in dropped)]
    assert sorted(every, key=lambda m: m.index) == found
    again, none = resolve(kept, rule)
    assert (again, none) == (kept, [])
    if rule in FLAT_RESOLUTIONS:
        assert not any(overlap(a, b) for i, a in enumerate(kept) for b in kept[:i])


@given(mentions())
def test_identical_spans_keep_the_highest_probability(found):
    kept, _ = drop_identical(found)
    best = {}
    for m in found:
        key = (m.start, m.end, m.label)
        best[key] = max(best.get(key, 0), m.probability)
    assert {(m.start, m.end, m.label): m.probability for m in kept} == best
    assert len(kept) == len(best)
