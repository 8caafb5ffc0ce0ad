"""Why offsets are wrong: told of every common fault where it can be told, never of good data."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wrong_offsets import FAULTS, TEXTS, right_rows

from spacy_padellm.formats import offset_causes
from spacy_padellm.formats.offset_causes import GivenText, find_cause
from spacy_padellm.formats.offset_units import UNITS, in_unit

BLANKS = ("English", "German", "emoji")
# A shift can be told where blanks part the words, those of one end where letters have upper case.
TOLD = {
    "from 1": (*BLANKS, "Arabic"),
    "from 1, end inclusive": BLANKS,
    "end inclusive": BLANKS,
    "end too far": (*BLANKS, "Arabic"),
    "from -1": (*BLANKS, "Arabic"),
    "bytes": ("German", "emoji", "Arabic", "Korean", "Japanese", "Chinese"),
    "UTF-16": ("emoji",),
    "documents": tuple(TEXTS),
    "words": BLANKS,
    "lengths": (*BLANKS, "Arabic"),
    "swapped": (*BLANKS, "Arabic"),
    "cut off": ("English", "German", "emoji", "Arabic"),
    "line ends": (*BLANKS, "Arabic"),
    "a line end is one": (*BLANKS, "Arabic"),
    "decomposed": ("German", "Arabic"),
    "composed": ("German", "Arabic"),
}


def cause_of(rows):
    found = find_cause([GivenText(text, tuple(places)) for text, places in rows])
    return f"{found.headline}: {found.said}" if found else ""


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_or_nothing_is(fault, language):
    spoil, words = FAULTS[fault]
    said = cause_of(spoil(right_rows(language)))
    if language in TOLD[fault]:
        assert words in said
    else:
        assert not said or words in said


@pytest.mark.parametrize("language", TEXTS)
def test_good_offsets_are_never_doubted(language):
    rows = right_rows(language)
    assert not cause_of(rows)
    # Nor where some are wrong in some way of their own.
    rng = random.Random(0)
    for i in range(0, len(rows), 4):
        start = rng.randrange(len(rows[i][0]))
        rows[i] = rows[i][0], [(start, start + rng.randrange(1, 99))]
    assert not cause_of(rows)


@pytest.mark.parametrize("n_plural", [5, 20])
def test_parts_of_words_are_no_shift_of_the_file(n_plural):
    """Whoever marks "taco" in "tacos" means it, and the other spans are right."""
    rows = [(f"We had taco{'s' * (i < n_plural)} {i}.", [(7, 11)]) for i in range(40)]
    assert not cause_of(rows)


def test_texts_of_a_document_in_any_order_are_no_growth():
    rows = FAULTS["documents"][0](right_rows("English"))
    random.Random(1).shuffle(rows)
    assert not cause_of(rows)


@pytest.mark.parametrize("unit", UNITS)
def test_units_of_plain_text_are_told_at_once(unit, monkeypatch):
    places = [(0, 3), (4, 7), (4, 8), (-1, 3), (3, 0)]
    found = in_unit(unit, "Ada ran", places)
    assert found == [(0, 3), (4, 7), None, None, (3, 0)]
    monkeypatch.delitem(UNITS, unit)
    assert found == in_unit(unit, "Ada ran", places)


def test_a_cause_is_looked_for_once_and_not_in_all_of_a_large_file(monkeypatch):
    looked_at = 0

    def count(text):
        nonlocal looked_at
        looked_at += len(text)
        return [1] * len(text)

    for unit in UNITS:
        monkeypatch.setitem(UNITS, unit, count)
    rows = [GivenText(f"é{i} " * 50_000, ((3, 5),)) for i in range(9)]
    for _ in range(2):
        find_cause(rows)
        assert 0 < looked_at <= len(UNITS) * offset_causes.MOST_CHARACTERS


LETTERS = "abAB12 .,-éß🎉北京は서울اب\n"


@given(
    st.lists(
        st.tuples(st.text(LETTERS, min_size=1, max_size=40), st.randoms(use_true_random=False)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=150, deadline=None)
def test_whole_words_are_never_doubted(texts):
    """Whatever the texts are."""
    rows = []
    for text, rng in texts:
        starts = [i for i, char in enumerate(text) if char != " " and text[i - 1 : i] in ("", " ")]
        ends = [i for i, char in enumerate(text, 1) if char != " " and text[i : i + 1] in ("", " ")]
        words = [
            (start, end)
            for start in starts
            for end in ends
            if start < end and text[start:end].strip() == text[start:end]
        ]
        rows.append((text, rng.sample(words, min(3, len(words)))))
    assert not cause_of(rows)
