"""How long the search for places of mentions takes, whatever text and mention are."""

import time

import pytest

from spacy_padellm.spans.alignment import align_mentions
from spacy_padellm.spans.prediction import Mention
from spacy_padellm.spans.text_index import TextIndex


def test_many_repeats_in_a_long_text_are_quick():
    text = "Ada and Bob. " * 8000
    mentions = [Mention("PER", i, "Ada", None, None, 0.5) for i in range(8000)]
    began = time.perf_counter()
    aligned, _ = align_mentions(text, mentions)
    assert time.perf_counter() - began < 10
    assert [(m.start, m.end) for m in aligned] == [(13 * i, 13 * i + 3) for i in range(8000)]


@pytest.mark.parametrize("mention", [
    "x" * 10**6, "e\u0301" * 500_000, "\u0301" * 10**6, "a b " * 250_000, "\u200d" * 10**6,
    " " * 10**6, "Ada \u0301" * 200_000,
], ids=lambda mention: ascii(mention[:4]))  # fmt: skip
def test_a_megabyte_against_a_short_text_is_instant(mention):
    began = time.perf_counter()
    mentions = [Mention("PER", i, mention, None, None, 1.0) for i in range(8)]
    aligned, _ = align_mentions("Ada Lovelace met Bo.", mentions)
    assert time.perf_counter() - began < 10  # it was minutes
    assert not aligned or mention.startswith("Ada")


@pytest.mark.parametrize(("mention", "text"), [
    ("a" * 40_000, "a" * 80_000), ("ab " * 20_000 + "a", "ab " * 40_000),
    ("a " * 9_999 + "b", "a " * 40_000),
])  # fmt: skip
def test_a_long_mention_in_a_long_text_is_found_or_not_at_once(mention, text):
    began = time.perf_counter()
    assert TextIndex(text).occurrences(mention) == []
    assert time.perf_counter() - began < 10
