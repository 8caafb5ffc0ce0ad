"""Words and pointers by themselves: places, probabilities, features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.decoding.copying import TextSlices
from spacy_padellm.decoding.pointing import read_pointers
from spacy_padellm.prompts.encoding import TextPrompt
from spacy_padellm.prompts.plain_text import EncodedText
from spacy_padellm.prompts.words import words_of

WORDS = ["New", "York", "is", "big", "."]
LABELS = ("LOC", "PER")


def encoded(words=WORDS):
    text, offsets = "", []
    for word in words:
        text += " " * bool(text)
        offsets.append((len(text), len(text) + len(word)))
        text += word
    return EncodedText(text, tuple(range(len(words))), tuple(offsets))


def read(probabilities, starts=None, ends=None, longest=64, start_threshold=0.5):
    of_text = encoded()
    prompt = TextPrompt(of_text, LABELS, of_text.ids, ((0,), (1,)), 0)
    return read_pointers(
        prompt, TextSlices(of_text, starts, ends), probabilities, longest, start_threshold
    )


def pointed(*mentions):
    """Probabilities that leave no doubt of (label, first token, last token)."""
    found = np.full((len(WORDS), 2, len(LABELS)), 0.01)
    for label, first, last in mentions:
        found[first, 0, LABELS.index(label)] = found[last, 1, LABELS.index(label)] = 0.99
    return found


def test_mentions_are_where_they_are_pointed_at():
    prediction = read(pointed(("LOC", 0, 1), ("PER", 3, 3)))
    assert [(m.label, m.index, m.text, m.start, m.end) for m in prediction.mentions] == [
        ("LOC", 1, "New York", 0, 8),
        ("PER", 1, "big", 12, 15),
    ]
    assert [count.value for count in prediction.counts] == [1, 1]
    assert prediction.mentions[0].probability == pytest.approx(0.99 * 0.99 * 0.99)


def test_a_lower_bar_finds_more():
    unsure = pointed(("LOC", 0, 1), ("PER", 3, 3))
    unsure[3, 0, 1] = 0.4
    for bar, texts in ((0.5, ["New York"]), (0.3, ["New York", "big"]), (0.995, [])):
        assert [m.text for m in read(unsure, start_threshold=bar).mentions] == texts


@given(
    st.lists(st.floats(0, 1), min_size=20, max_size=20),
    st.sets(st.sampled_from([0, 4, 9, 12, 16])),
    st.sets(st.sampled_from([3, 8, 11, 15, 17])),
    st.integers(1, 5),
)
def test_whatever_is_pointed_at_lies_on_the_allowed_edges(numbers, starts, ends, longest):
    prediction = read(np.array(numbers).reshape(5, 2, 2), starts, ends, longest)
    text = encoded().text
    for mention in prediction.mentions:
        assert text[mention.start : mention.end] == mention.text
        assert mention.start in starts and mention.end in ends
        first_end = min(end for end in ends if end > mention.start)
        assert len(mention.text.split()) <= longest or mention.end == first_end
        assert 0 <= mention.probability <= 1
    assert sum(count.value for count in prediction.counts) == len(prediction.mentions)
    offsets = encoded().offsets
    pointed_at = sum(
        numbers[4 * i + label] > 0.5 and first in starts and any(end > first for end in ends)
        for i, (first, _) in enumerate(offsets)
        for label in (0, 1)
    )
    assert len(prediction.mentions) == pointed_at  # none is lost, however long tokens are


def test_words_that_look_alike_share_features():
    first, second = words_of(encoded(["Walked"])).hashes[0], words_of(encoded(["Talked"])).hashes[0]
    same = (first == second).tolist()
    assert same == [False, False, True, True]  # lower case, first letter, ending, shape


@given(st.text())
def test_every_token_has_a_word(text):
    middle = len(text) // 2
    offsets = tuple(pair for pair in ((0, middle), (middle, len(text))) if pair[0] < pair[1])
    words = words_of(EncodedText(text, tuple(range(len(offsets))), offsets))
    assert len(words.of_token) == len(offsets)
    assert words.hashes.min() >= 0 and words.hashes.max() < 2**32
    assert ((words.of_token >= 0) & (words.of_token < len(words.hashes))).all()


def test_a_mention_that_goes_on_behind_the_longest_is_told(caplog):
    long = pointed(("LOC", 0, 4), ("PER", 0, 0))
    assert [m.text for m in read(long).mentions] == ["New York is big .", "New"]
    assert not caplog.records
    cut, whole = read(long, longest=3).mentions
    assert len(cut.text.split()) <= 3 and whole.text == "New"
    (record,) = caplog.records
    message = record.getMessage()
    assert "LOC" in message and "in 3 tokens" in message and "max_mention_tokens" in message
    caplog.clear()
    read(long, ends={11, 15}, longest=4)  # where none may end behind them, none is cut
    assert not caplog.records
