import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_padellm.formats import docbin
from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError, in_order
from spacy_padellm.formats.docbin import DocSettings, from_doc, to_doc

from .samples import EMPTY, FLAT, NESTED, mark, places

NLP = spacy.blank("en")


def ents(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.mark.parametrize("annotate", ["auto", "both", "spans"])
def test_round_trip(annotate, tmp_path):
    texts = [*FLAT, NESTED, EMPTY, mark(" \n Rome\t", ("Rome", "LOC"), meta={"id": [1, "x"]})]
    problems = []
    settings = DocSettings(annotate=annotate, spans_key="gold")
    docs = [to_doc(text, NLP, settings, problems) for text in texts]
    docbin.write(tmp_path / "sub" / "a.spacy", docs)
    back = list(docbin.read(tmp_path / "sub" / "a.spacy", "gold"))
    assert problems == []
    assert places(back) == places(texts)
    assert [text.meta for text in back] == [text.meta for text in texts]
    assert [text.line for text in back] == [*range(1, len(texts) + 1)]


def test_overlaps_go_to_the_span_group_and_leave_ents_open():
    flat, nested = to_doc(FLAT[0], NLP), to_doc(NESTED, NLP)
    assert ents(flat) == [("Ada Lovelace", "PER"), ("London", "LOC")]
    assert "sc" not in flat.spans
    assert not nested.has_annotation("ENT_IOB")
    assert [span.text for span in nested.spans["sc"]] == [
        "the University",
        "University of New York",
        "New York",
    ]


def test_both_fills_the_group_always():
    settings = DocSettings(annotate="both")
    flat, nothing = to_doc(FLAT[0], NLP, settings), to_doc(FLAT[1], NLP, settings)
    assert ents(flat) and len(flat.spans["sc"]) == 2
    assert nothing.has_annotation("ENT_IOB") and list(nothing.spans["sc"]) == []


def test_ents_alone_report_what_overlaps():
    problems = []
    doc = to_doc(NESTED, NLP, DocSettings(annotate="ents"), problems)
    assert ents(doc) == [("University of New York", "ORG")]
    assert sorted(problem.string for problem in problems) == ["New York", "the University"]
    assert all(problem.lost for problem in problems)


@pytest.mark.parametrize(
    "mode, kept, lost",
    [("strict", [], [True]), ("contract", ["Rome"], [False]), ("expand", ["Rome-based"], [False])],
)
def test_spans_off_the_tokens(mode, kept, lost):
    spans = {"contract": "Rome-b", "strict": "Rome-b", "expand": "ome-b"}[mode]
    text = mark("a Rome-based firm", (spans, "LOC"), tokens=((0, 1), (2, 6), (6, 12), (13, 17)))
    problems = []
    doc = to_doc(text, NLP, DocSettings(alignment_mode=mode), problems)
    assert [string for string, _ in ents(doc)] == kept
    assert [problem.lost for problem in problems] == lost
    assert problems[0].string == spans and "Rome-based" in problems[0].excerpt


def test_expanded_spans_that_become_equal_or_overlap():
    text = AnnotatedText("Rome-based", ((0, 2, "X"), (1, 3, "X"), (1, 3, "Y")), ((0, 10),))
    problems = []
    doc = to_doc(text, NLP, DocSettings(alignment_mode="expand"), problems)
    assert [span.label_ for span in doc.spans["sc"]] == ["X", "Y"]
    assert [problem.lost for problem in problems].count(True) == 1


def test_white_space_alone_is_no_entity():
    problems = []
    doc = to_doc(AnnotatedText("a\n\nb", ((1, 3, "X"),)), NLP, None, problems)
    assert ents(doc) == [] and doc.text == "a\n\nb"
    assert "white space" in problems[0].reason


def test_own_tokens_are_kept():
    text = mark("don't  stop", ("don't", "X"), tokens=((0, 5), (7, 11)))
    doc = to_doc(text, NLP)
    assert [token.text for token in doc] == ["don't", " ", "stop"]
    assert doc.text == "don't  stop" and ents(doc) == [("don't", "X")]


def test_nameless_spans_of_a_group_are_reported():
    doc = Doc(NLP.vocab, words=["In", "Rome"])
    doc.spans["sc"] = [Span(doc, 1, 2)]
    problems = []
    assert from_doc(doc, "sc", "f", 3, problems).spans == ()
    assert [(p.string, p.line) for p in problems] == [("Rome", 3)]


def test_not_a_spacy_file(tmp_path):
    (tmp_path / "a.spacy").write_text("x")
    with pytest.raises(FormatError, match=r"not a \.spacy file"):
        list(docbin.read(tmp_path / "a.spacy"))


@given(st.text(max_size=30), st.data())
def test_any_text_any_spans(string, data):
    numbers = st.integers(0, max(len(string) - 1, 0))
    pairs = data.draw(st.lists(st.tuples(numbers, numbers, st.sampled_from("XY")), max_size=4))
    spans = in_order({(min(a, b), max(a, b) + 1, x) for a, b, x in pairs} if string else set())
    text = AnnotatedText(string, spans)
    problems = []
    doc = to_doc(text, NLP, None, problems)
    back = from_doc(doc)
    assert back.text == string
    lost = {(p.start, p.end, p.label) for p in problems}
    assert {*back.spans} | lost == {*spans} and not {*back.spans} & lost
