import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats.detokenize import detokenize, respace

MARKS = "\"'.,;:!?()[]$#@/-%中国。カé"
WORDS = ["''", "``", "n't", "'s", "’ll", "...", "?!", "word", "Boys", "한국", "-LRB-"]
ODD = ["e\u0301", "👩‍👩‍👧", "\u200b", "\u00a0", " ", "\n"]
PIECES = st.sampled_from([*MARKS, *WORDS, *ODD])


@st.composite
def joined_texts(draw):
    pieces = draw(st.lists(PIECES | st.text(max_size=4), max_size=12))
    text = " ".join(pieces)
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        spans.append((start, draw(st.integers(start, len(text))), "L"))
    return text, spans


def solid(text):
    return "".join(text.split())


@given(joined_texts(), st.booleans())
def test_respace_changes_spaces_alone_and_spans_keep_their_text(joined, join_sigils):
    text, spans = joined
    new, moved = respace(text, spans, join_sigils)
    assert solid(new) == solid(text)
    expected = [solid(text[start:end]) for start, end, _ in spans]
    assert [solid(new[start:end]) for start, end, _ in moved] == [s for s in expected if s]
    assert all(new[start:end] == new[start:end].strip() for start, end, _ in moved)


@given(st.lists(st.text(max_size=4) | PIECES, max_size=12))
def test_one_answer_a_token_and_none_after_the_last(tokens):
    spaces = detokenize(tokens)
    assert len(spaces) == len(tokens)
    assert not any(spaces[-1:])


@pytest.mark.parametrize(
    "joined, natural",
    [
        ("Rome , Italy .", "Rome, Italy."),
        ("I do n't know ; you 'RE right", "I don't know; you'RE right"),
        ('" Yes , " he said , " it is . "', '"Yes," he said, "it is."'),
        ('it is over . "', 'it is over."'),
        ("the players ' union 's fee", "the players' union's fee"),
        ("he said ' no ' twice", "he said 'no' twice"),
        ("( IL-4 ) costs $ 5 [ or more ]", "(IL-4) costs $5 [or more]"),
        ("“ Hi ” , ‘ you ’", "“Hi”, ‘you’"),
        ("a well-known and / or new - one", "a well-known and/or new - one"),
        ("wait ... what ?!", "wait... what?!"),
        ("我 爱 北京 。", "我爱北京。"),
        ("我 用 i O S 系 统 看 书", "我用iOS系统看书"),
        ("我 用 iPhone 手机 看 新 电影", "我用iPhone手机看新电影"),
        ("한국 사람", "한국 사람"),
        ("see 北 京 today", "see 北京 today"),
        ("", ""),
    ],
)
def test_natural_spacing(joined, natural):
    assert respace(joined, [])[0] == natural


def test_sigils_are_joined_on_request():
    assert respace("@ ada loves # math", [], join_sigils=True)[0] == "@ada loves #math"
    assert respace("@ ada loves # math", [], join_sigils=False)[0] == "@ ada loves # math"
