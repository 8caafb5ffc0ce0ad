from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.spans.prediction import Count, Mention, Prediction
from spacy_padellm.spans.windows import Window, merge_windows, split_windows


def bounds(windows):
    return [(window.start, window.end) for window in windows]


def starts(n, *begins):
    return [i in begins for i in range(n)]


def test_a_short_sequence_is_one_window():
    assert split_windows([2, 3, 1], 6) == [Window(0, 3)]
    assert split_windows([], 6) == []


def test_windows_end_at_sentences_where_they_can():
    sentences = starts(10, 0, 3, 6, 9)
    assert bounds(split_windows([1] * 10, 7, 0, sentences)) == [(0, 6), (6, 10)]
    assert bounds(split_windows([1] * 10, 6, 3, sentences)) == [(0, 6), (3, 9), (6, 10)]
    assert bounds(split_windows([1] * 10, 7, 3, sentences)) == [(0, 6), (3, 10)]


def test_a_long_sentence_is_cut_between_units_with_overlap():
    assert bounds(split_windows([1] * 10, 4, 0, starts(10, 0))) == [(0, 4), (4, 8), (8, 10)]
    assert bounds(split_windows([1] * 8, 4, 2)) == [(0, 4), (2, 6), (4, 8)]


def test_a_unit_too_costly_for_any_window_stands_alone():
    assert bounds(split_windows([1, 1, 9, 1, 1], 4, 2)) == [(0, 2), (2, 3), (3, 5)]


def test_the_overlap_gives_way_to_a_costly_unit():
    assert bounds(split_windows([1, 1, 1, 1, 3], 4, 3)) == [(0, 4), (3, 5)]


def test_units_without_cost_need_no_room():
    assert bounds(split_windows([0, 2, 0, 0, 2, 0], 2)) == [(0, 4), (4, 6)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1], 0), "max_cost: must be at least 1, not 0"),
        (([1], 4, 4), r"overlap: .* below max_cost \(4\), not 4"),
        (([1], 4, -1), "overlap"),
        (([1, -1], 4), "costs"),
        (([1, 1], 4, 0, [True]), "sentence_starts has 1 entries and costs 2"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_windows(*arguments)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40),
    st.integers(1, 12),
    st.data(),
)
def test_windows_cover_advance_and_keep_to_their_cost(units, max_cost, data):
    costs = [cost for cost, _ in units]
    begins = [begin for _, begin in units] if data.draw(st.booleans()) else None
    overlap = data.draw(st.integers(0, max_cost - 1))
    windows = split_windows(costs, max_cost, overlap, begins)

    covered = {i for window in windows for i in range(window.start, window.end)}
    assert covered == set(range(len(costs)))
    for window in windows:
        cost = sum(costs[window.start : window.end])
        assert cost <= max_cost or window.end - window.start == 1
    for one, two in pairwise(windows):
        assert one.start < two.start <= one.end < two.end
        assert sum(costs[two.start : one.end]) <= overlap
        if overlap == 0:
            assert two.start == one.end
        if begins and not begins[one.end]:
            # Only a sentence too long for the rest of the window is cut, and then it is full.
            assert sum(costs[one.start : one.end + 1]) > max_cost
            fresh = max((w.end for w in windows if w.end < one.end), default=0)
            assert not any(begins[fresh + 1 : one.end + 1])


TEXT = "Ada Lovelace met Charles Babbage in London."


def found(text, start=None, label="PER", probability=0.5, index=1, by=0):
    """A mention at `start` of TEXT, as seen from a window that begins at `by`."""
    if start is None:
        return Mention(label, index, text, None, None, probability)
    assert TEXT[start : start + len(text)] == text
    return Mention(label, index, text, start - by, start - by + len(text), probability)


def one(mentions, label="PER", probability=0.5, capped=False):
    count = Count(label, len(mentions), probability, capped)
    return Prediction([count], list(mentions))


def test_mentions_move_to_their_place_in_the_text():
    first = one([found("Ada Lovelace", 0)])
    second = one([found("Charles Babbage", 17, by=17)])
    merged, dropped = merge_windows(TEXT, [(0, 16), (17, 43)], [first, second])
    assert merged.mentions == [
        found("Ada Lovelace", 0),
        found("Charles Babbage", 17, index=2),
    ]
    assert merged.counts == [Count("PER", 2, 0.25)]
    assert dropped == []


def test_a_mention_found_twice_stays_once_with_its_best_probability():
    spans = [(0, 32), (13, 43)]
    first = one([found("Ada Lovelace", 0), found("Charles Babbage", 17, probability=0.6, index=2)])
    second = one([found("Charles Babbage", 17, probability=0.9, by=13)])
    merged, dropped = merge_windows(TEXT, spans, [first, second])
    assert [(m.text, m.probability, m.index) for m in merged.mentions] == [
        ("Ada Lovelace", 0.5, 1),
        ("Charles Babbage", 0.9, 2),
    ]
    assert merged.counts[0].value == 2
    assert [(d.reason, d.mention.probability, d.winner.probability) for d in dropped] == [
        ("identical", 0.6, 0.9)
    ]


@pytest.mark.parametrize("edge", [24, 25])
def test_a_fragment_at_the_cut_gives_way_to_the_whole(edge):
    # The first window ends after "Charles", or after the blank that follows.
    first = one([found("Charles", 17, probability=0.99)])
    second = one([found("Charles Babbage", 17, probability=0.4, by=13)])
    merged, dropped = merge_windows(TEXT, [(0, edge), (13, 43)], [first, second])
    assert [m.text for m in merged.mentions] == ["Charles Babbage"]
    assert merged.counts[0].value == 1
    assert [(d.reason, d.mention.text, d.winner.text) for d in dropped] == [
        ("fragment", "Charles", "Charles Babbage")
    ]


def test_a_fragment_after_the_cut_gives_way_too():
    first = one([found("Ada Lovelace", 0)])
    second = one([found("Lovelace", 4, by=4)])
    merged, dropped = merge_windows(TEXT, [(0, 16), (4, 43)], [first, second])
    assert [m.text for m in merged.mentions] == ["Ada Lovelace"]
    assert [d.reason for d in dropped] == ["fragment"]


@pytest.mark.parametrize(
    "spans, first, second",
    [
        # Not at the cut: a nested mention.
        ([(0, 32), (13, 43)], found("Babbage", 25), found("Charles Babbage", 17, by=13)),
        # At the cut, but the longer one does not reach over it.
        ([(0, 32), (17, 43)], found("Babbage", 25), found("Charles Babbage", 17, by=17)),
        # Another label.
        ([(0, 24), (13, 43)], found("Charles", 17, "LOC"), found("Charles Babbage", 17, by=13)),
        # Overlap without one holding the other.
        ([(0, 24), (17, 43)], found("met Charles", 13), found("Charles Babbage", 17, by=17)),
        # The beginning of the text is no cut.
        ([(0, 3), (0, 43)], found("Ada", 0, "ORG"), found("Ada Lovelace", 0)),
    ],
)
def test_every_other_disagreement_stays_for_the_resolution(spans, first, second):
    merged, dropped = merge_windows(TEXT, spans, [one([first]), one([second])])
    assert {m.text for m in merged.mentions} == {first.text, second.text}
    assert dropped == []


def test_mentions_without_a_place_stay_last():
    first = one([found("Bob"), found("Ada", 0, index=2)], capped=True)
    merged, _ = merge_windows(TEXT, [(0, 16), (17, 43)], [first, one([])])
    assert [(m.text, m.start, m.index) for m in merged.mentions] == [
        ("Ada", 0, 1),
        ("Bob", None, 2),
    ]
    assert merged.counts == [Count("PER", 2, 0.25, capped=True)]


def test_no_windows_merge_to_nothing():
    assert merge_windows("", [], []) == (Prediction(), [])


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="spans has 1 windows and predictions 0"):
        merge_windows(TEXT, [(0, 3)], [])
    with pytest.raises(ValueError, match="0:99 lies outside the text"):
        merge_windows(TEXT, [(0, 99)], [Prediction()])


@given(st.data())
def test_merging_drops_only_duplicates_and_fragments(data):
    text = data.draw(st.text("ab ", min_size=1, max_size=20))
    windows = split_windows([1] * len(text), data.draw(st.integers(4, 9)), 3)
    predictions = []
    for window in windows:
        size = window.end - window.start
        mentions = []
        for index in range(data.draw(st.integers(0, 3))):
            start = data.draw(st.integers(0, size - 1))
            end = data.draw(st.integers(start + 1, size))
            label = data.draw(st.sampled_from("AB"))
            probability = data.draw(st.sampled_from([0.3, 0.6]))
            slice_ = text[window.start + start : window.start + end]
            mentions.append(Mention(label, index, slice_, start, end, probability))
        counts = [Count(label, sum(m.label == label for m in mentions), 0.5) for label in "AB"]
        predictions.append(Prediction(counts, mentions))

    merged, dropped = merge_windows(text, bounds(windows), predictions)
    total = sum(len(prediction.mentions) for prediction in predictions)
    assert len(merged.mentions) + len(dropped) == total
    keys = [(m.start, m.end, m.label) for m in merged.mentions]
    assert len(set(keys)) == len(keys)
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    for mention in merged.mentions:
        assert text[mention.start : mention.end] == mention.text
    for count in merged.counts:
        mine = [m for m in merged.mentions if m.label == count.label]
        assert count.value == len(mine)
        assert [m.index for m in mine] == list(range(1, len(mine) + 1))
    for drop in dropped:
        gone, winner = drop.mention, drop.winner
        assert gone.label == winner.label
        assert replace(winner, index=0) in [replace(m, index=0) for m in merged.mentions]
        assert winner.start <= gone.start and gone.end <= winner.end
        if drop.reason == "identical":
            assert (winner.start, winner.end) == (gone.start, gone.end)
            assert winner.probability >= gone.probability
        else:
            assert drop.reason == "fragment"
            assert winner.end - winner.start > gone.end - gone.start
