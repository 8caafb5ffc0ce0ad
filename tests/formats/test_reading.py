"""Spans that do not begin and end with words: counted, shown, and the shift found behind them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_padellm.formats.annotated_text import AnnotatedText
from spacy_padellm.formats.offset_causes import GivenText
from spacy_padellm.formats.reading import (
    Reading,
    check_offsets,
    shifted,
    with_marks,
)
from spacy_padellm.formats.shown_problems import show, show_in_context
from spacy_padellm.pipeline.corpora import messages_of

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
    moves = {"starts": -start, "ends": -end} if start != end else {"starts and ends": -start}
    for name, by in moves.items():
        if by:
            mend = f"{'add' if by > 0 else 'subtract'} {abs(by)} {'to' if by > 0 else 'from'}"
            assert f"{mend} their {name}" in found.say_off()
    assert "your offsets seem to be shifted" in found.say_off()


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
        (9, "contract", 'a.csv:2: "Ate at N[oma ]tonight." (PLACE)'),
        (9, "contract", "to the whole words inside them (alignment mode contract), and 2 without"),
        (9, "expand", "to the whole words around them (alignment mode expand)"),
        (
            9,
            "strict",
            "They are left out (alignment mode strict). With alignment_mode contract, they",
        ),
        (9, "kept", "They are written as they are"),
    ],
)
def test_what_is_said(n_off, mode, words):
    found = reading(n_off, 40, mode, lost=2)
    said = found.say_off()
    assert words in said and bool(said) == bool(n_off) and not found.mostly_off
    assert reading(21, 40).mostly_off


@pytest.mark.parametrize("n_misplaced", [0, 1])
@pytest.mark.parametrize("mode", ["contract", "expand", "strict"])
@pytest.mark.parametrize("n_lost", [0, 3, 5, 6, 10])
def test_spans_that_no_mode_brings_back_are_lost(n_lost, mode, n_misplaced):
    """Of ten that are off."""
    found = reading(10, 10, mode, lost=n_lost)
    gone = GONE.problem((57, 62, "PLACE"), "is outside the text", fault="outside")
    found.problems += [gone] * n_misplaced
    assert found.mostly_lost == (2 * (n_lost + n_misplaced) > 10 + n_misplaced)
    said = found.say_off("--mode")
    assert ("are moved to" in said) == (n_lost < 10 and mode != "strict")
    assert (f", and {n_lost} without any are lost" in said) == (
        0 < n_lost < 10 and mode != "strict"
    )
    assert ("They are lost, as no whole" in said) == (
        n_lost == 10 and not n_misplaced and mode != "strict"
    )
    assert ("Spans that cut words are" in said) == bool(n_misplaced)
    assert ("With --mode contract" in said) == (mode == "strict")
    advised = "unless you pass --alignment-mode" in " ".join(messages_of(found))
    assert advised == (n_lost < 10 and mode != "strict")
    with pytest.raises(ValueError) as refused:
        check_offsets(found, "--mode")
    assert ("pass --mode contract" in str(refused.value)) == (not found.mostly_lost)


@pytest.mark.parametrize("n_misplaced", [1, 9])
def test_no_mode_brings_back_spans_that_their_texts_do_not_have(n_misplaced):
    found = reading(0, 10, "strict")
    gone = GONE.problem((57, 62, "PLACE"), "is outside the text", fault="outside")
    found.problems += [gone] * n_misplaced
    assert "without a place" in found.say_off("--mode") and "--mode" not in found.say_off("--mode")


def test_whoever_marks_parts_of_words_hears_of_whole_words():
    stems = [AnnotatedText(f"We had tacos {i}.", ((7, 11, "A"),), file="a.csv") for i in range(9)]
    found = shifted(stems)
    assert found is not None
    with pytest.raises(
        ValueError, match=r"seem to be shifted.*parts of words.* mark the whole words"
    ):
        check_offsets(found, "--mode")


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
    found.spans.update({"A": 12})
    found.texts = [GivenText(text.text, ((0, 6), (7, 13)))] * 6
    assert found.mostly_off
    assert not Reading("contract", found.spans, found.problems, found.marked).mostly_off


GONE = AnnotatedText("It rained.", file="a.csv", line=3)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (
            GONE.problem((57, 62, "PER"), "is outside the text of 10 characters", fault="outside"),
            'a.csv:3: PER 57 to 62 is outside the text of 10 characters ("It rained.")',
        ),
        (GONE.problem((3, 3, "A"), "is empty", fault="empty"), 'a.csv:3: A 3 to 3 is empty ("It'),
        (
            GONE.problem((0, 0, "A"), "'Snow' is not in the text", fault="absent"),
            "a.csv:3: A 'Snow' is not in the text (\"It rained.\")",
        ),
        (GONE.problem((0, 2, "A"), "is given twice"), 'a.csv:3: "[It] rained." (A) is given twice'),
        (GONE.left_out("has no entity"), 'a.csv:3: "It rained." has no entity'),
    ],
)
def test_each_problem_is_shown_with_its_text(problem, words):
    shown = show_in_context(problem) if problem.fault else show(problem)
    assert words in shown


@pytest.mark.parametrize(
    ("n_lost", "n_changed", "words"),
    [
        (1, 0, "In reading, 1 span is lost. For"),
        (2, 0, "In reading, 2 spans are lost. For"),
        (0, 1, "In reading, 1 text is changed or needs a look. For"),
        (1, 2, "In reading, 1 span is lost, and 2 texts are changed or need a look. For"),
        (0, 0, ""),
    ],
)
def test_what_is_said_of_other_problems(n_lost, n_changed, words):
    lost = [GONE.problem((0, 2, "A"), "is given twice")] * n_lost
    changed = [GONE.left_out("has no entity, and another row says so", lost=False)] * n_changed
    said = Reading(problems=[*lost, *changed]).say_others()
    assert words in said and bool(said) == bool(words)


@pytest.mark.parametrize(("n_off", "n_lost", "stops"), [(5, 5, False), (5, 6, True), (0, 11, True)])
def test_spans_that_are_off_and_lost_count_together(n_off, n_lost, stops):
    """Of 20 spans in the file."""
    lost = GONE.problem((57, 62, "PLACE"), "is outside the text", fault="outside")
    found = reading(n_off, 20 - n_lost)
    found.problems += [lost] * n_lost
    assert found.mostly_off is stops and found.total == 20
    assert f"{n_lost} of 20 spans are outside their texts (PLACE {n_lost}" in found.say_off()
    if not stops:
        return check_offsets(found, "--mode")
    with pytest.raises(ValueError, match=r"Correct the offsets") as refused:
        check_offsets(found, "--mode", "--lang")
    assert ("pass --mode contract" in str(refused.value)) == (n_lost <= 10)
    assert ("--lang" in str(refused.value)) == (n_off > 0)


def test_long_spans_are_shown_in_part():
    text = AnnotatedText("so " * 100, ((1, 290, "A"),), file="a.csv", line=1)
    shown = show_in_context(text.problem((1, 290, "A"), "", off=True))
    assert len(shown) < 150 and " ... " in shown and "\n" not in shown
