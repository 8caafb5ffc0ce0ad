"""Texts that contradict an earlier one, in corpora of any size."""

import tracemalloc

from spacy_padellm.formats.annotated_text import AnnotatedText
from spacy_padellm.formats.repeats import Repeats


def text(i, end=3, **more):
    return AnnotatedText(f"Ada {i} ran." + " So" * 3_000, ((0, end, "PER"),), line=i + 1, **more)


def test_the_texts_of_a_corpus_are_not_held():
    repeats = Repeats()
    tracemalloc.start()
    try:
        assert not any(repeats.see(text(i)) for i in range(100))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000  # the texts have 900,000 characters
    assert not any(repeats.see(text(i)) for i in range(100))
    told = repeats.see(text(7, end=5))
    assert told is not None and "same text as in line 8 with other spans; both" in told.reason


def test_another_id_is_told_where_it_may_be_the_number_of_a_row():
    for by_rows, fault in ((True, "renumbered"), (False, "repeat")):
        repeats = Repeats()
        assert repeats.see(text(1, meta={"id": "1"}), by_rows) is None
        told = repeats.see(text(1, 5, meta={"id": "2"}), by_rows)
        assert told is not None and told.fault == fault
        assert ("another id" in told.reason) == by_rows
        assert repeats.see(text(1, 5, labels=("PER",)), by_rows) is None
