"""Batches that are prefetched arrive in order, with their errors, and none is lost."""

import pytest
from sample_pipelines import TEXTS, spans_of

from spacy_padellm.pipeline.prefetch import prefetch


@pytest.mark.parametrize("helps", [lambda: True, lambda: False, iter([0, 1, 1, 0, 1, 0]).__next__])
def test_items_keep_their_order(helps):
    taken = list(prefetch(range(6), lambda item: item * 10, helps))
    assert [(item, prepared()) for item, prepared in taken] == [(i, 10 * i) for i in range(6)]


def test_one_item_is_prepared_while_another_is_used():
    prepared = []
    stream = prefetch(range(5), prepared.append, lambda: True)
    _, first = next(stream)
    first()
    _, second = next(stream)
    second()
    assert prepared in ([0, 1], [0, 1, 2])


def test_an_error_comes_with_its_item():
    def fail(item):
        return 1 / item

    taken = dict(prefetch([1, 0, 2], fail, lambda: True))
    assert taken[1]() == 1 and taken[2]() == 0.5
    with pytest.raises(ZeroDivisionError):
        taken[0]()


def test_what_came_before_a_broken_stream_is_not_lost():
    def stream():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    taken = []
    with pytest.raises(OSError, match="disk"):
        for item, prepared in prefetch(stream(), str, lambda: True):
            taken.append((item, prepared()))
    assert taken == [(1, "1"), (2, "2")]


def test_a_pipeline_prefetches_with_the_same_entities(random_nlp, monkeypatch):
    nlp = random_nlp()
    expected = [spans_of(doc) for doc in nlp.pipe(TEXTS * 5)]
    pipe = nlp.get_pipe("padellm_ner")
    monkeypatch.setattr(type(pipe.shim), "has_accelerator", True)
    assert [spans_of(doc) for doc in nlp.pipe(TEXTS * 5, batch_size=3)] == expected
    failed = []
    pipe.set_error_handler(lambda name, proc, docs, error: failed.extend(docs))
    broken = pipe.doc_decoder.encoder.prompt
    monkeypatch.setattr(
        pipe.doc_decoder.encoder,
        "prompt",
        lambda text, labels: broken(text, labels) if "Rome" not in text else 1 / 0,
    )
    docs = list(nlp.pipe(TEXTS * 5, batch_size=3))
    assert len(docs) == 15 and len(failed) == 5
