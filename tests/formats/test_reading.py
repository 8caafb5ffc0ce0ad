"""Spans that do not begin and end with words: counted, shown, and the shift found behind them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_padellm.formats.annotated_text import AnnotatedText
from spacy_padellm.formats.reading import (
    Reading,
    find_shift,
    shifted,
    show_in_context,
    with_marks,
)

WORDS = st.text("abcdefgäéжю", min_size=3, max_size=8)
SHIFTS = [(1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0), (2, 2), (-3, -3)]


@st.composite
def texts(draw):
    """Three to five texts of eight words, with a span of one or two of them in the middle."""
    found = []
    for _ in range(draw(st.integers(3, 5))):
        words = draw(st.lists(WORDS, min_size=8, max_size=8))
        first = draw(st.integers(1, 4))
        span = " ".join(words[first : first + draw(st.integers(1, 2))])
        begin = len(" ".join(words[:first])) + 1
        found.append(AnnotatedText(" ".join(words), ((begin, begin + len(span), "A"),)))
    return found


@given(texts(), st.sampled_from(SHIFTS))
@settings(max_examples=150, deadline=None)
def test_a_shift_is_found(right, shift):
    """What is to be added is the opposite of the fault, whatever the words are."""
    assert shifted(right) is None
    start, end = shift
    wrong = [
        AnnotatedText(text.text, tuple((s + start, e + end, x) for s, e, x in text.spans))
        for text in right
    ]
    found = shifted(wrong)
    assert found is not None and len(found.off) == len(right)
    assert find_shift(found.off) == (-start, -end)
    assert "your offsets are shifted" in found.say_off()


def test_scripts_without_blanks_are_not_shifted():
    text = AnnotatedText("我住在北京和上海", ((3, 5, "A"), (6, 8, "A"), (0, 1, "B")))
    assert shifted([text]) is None


def reading(n_off, n, mode="contract", lost=0):
    text = AnnotatedText("Ate at Noma tonight.", file="a.csv", line=2)
    off = [text.problem((8, 12, "PLACE"), "is moved", i < lost, off=True) for i in range(n_off)]
    found = Reading(mode, problems=off)
    found.spans.update({"PLACE": n})
    return found


@pytest.mark.parametrize(
    ("n_off", "mode", "words"),
    [
        (0, "contract", ""),
        (1, "contract", "a.csv: 1 of 40 spans does not begin and end with whole words (PLACE 1"),
        (3, "contract", "a.csv: 3 of 40 spans do not begin"),
        (9, "contract", "a.csv: your offsets are shifted: 9 of 40 spans do not begin"),
        (9, "contract", 'a.csv:2: "Ate at N[oma ]tonight." (PLACE)'),
        (9, "contract", "9 of them do if you subtract 1 from their starts and ends"),
        (9, "contract", "to the whole words inside them (alignment mode contract), and 2 without"),
        (9, "expand", "to the whole words around them (alignment mode expand)"),
        (9, "strict", "They are left out (alignment mode strict). The mode contract moves such"),
        (9, "kept", "They are written as they are"),
    ],
)
def test_what_is_said(n_off, mode, words):
    found = reading(n_off, 40, mode, lost=2)
    said = found.say_off()
    assert words in said and bool(said) == bool(n_off) and not found.mostly_off
    assert reading(21, 40).mostly_off


@pytest.mark.parametrize(
    ("text", "span", "has"),
    [
        ("ramen, tacos", "ramen,", True),
        ("ramen, tacos", ", tacos", True),
        ("ramen, tacos", "ramen", False),
        ("ramen, tacos", ",", False),
        ("Ask Acme Inc. for it.", "Acme Inc.", False),
        ("Ask Acme Inc. for it.", "it.", True),
    ],
)
def test_marks_at_the_ends_of_spans(text, span, has):
    begin = text.index(span)
    assert bool(with_marks(AnnotatedText(text, ((begin, begin + len(span), "A"),)))) is has


@pytest.mark.parametrize(("n_marked", "told"), [(10, False), (11, True)])
def test_many_marks_are_told(n_marked, told):
    found = reading(0, 40)
    text = AnnotatedText("ramen, tacos", ((0, 6, "DISH"),), file="a.csv", line=2)
    found.marked = with_marks(text) * n_marked
    said = found.say_marked()
    assert (f"{n_marked} of 40 spans begin or end with a punctuation mark" in said) is told
    assert ('a.csv:2: "[ramen,] tacos" (DISH)' in said) is told


def test_ends_one_too_far_take_blanks_and_marks_alike():
    """Half of the faults are on tokens."""
    text = AnnotatedText("ramen, tacos and soup", ((0, 6, "A"), (7, 13, "A")), file="a.csv")
    found = Reading("contract", marked=with_marks(text) * 6)
    found.problems = [text.problem((7, 13, "A"), "", off=True)] * 6
    found.spans.update({"A": 20})
    assert found.mostly_off and not Reading("contract", found.spans, found.problems).mostly_off


def test_long_spans_are_shown_in_part():
    text = AnnotatedText("so " * 100, ((1, 290, "A"),), file="a.csv", line=1)
    shown = show_in_context(text.problem((1, 290, "A"), "", off=True))
    assert len(shown) < 150 and " ... " in shown and "\n" not in shown
