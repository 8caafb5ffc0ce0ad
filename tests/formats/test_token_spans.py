"""Spans by tokens, against every token looked at."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.formats.annotated_text import AnnotatedText, FormatError
from spacy_padellm.formats.token_spans import TokenSpans


@given(st.text("ab \u00a0.", max_size=12), st.data())
def test_tokens_of_a_place(text, data):
    places = tuple(match.span() for match in re.finditer(r"\w+|.", text))
    tokens = TokenSpans(AnnotatedText(text, (), places))
    assert tokens.strings == [text[s:e] for s, e in places if text[s:e].strip()]
    assert len(TokenSpans(AnnotatedText(text, (), places), " ").places) >= len(tokens.places)
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    touched = [i for i, (s, e) in enumerate(tokens.places) if s < end and start < e]
    assert [*tokens.touched(start, end)] == touched
    on = touched and (tokens.places[touched[0]][0], tokens.places[touched[-1]][1]) == (start, end)
    assert tokens.on(start, end) == (tokens.touched(start, end) if on else None)


def test_a_text_without_tokens():
    with pytest.raises(FormatError, match=r"a\.txt:3: the text 'a b' has no tokens"):
        TokenSpans(AnnotatedText("a b", file="a.txt", line=3))
