"""Copies of a model share batches; order and errors are kept."""

import threading
from dataclasses import replace

import pytest

from spacy_padellm.decoding import Decoder, DecodingSettings, Replica, ReplicaDecoder
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

LABELS = ["PER", "LOC", "WORK"]
WORDS = "Ada Lovelace met Charles Babbage in London on 5 May 1833".split()
TEXTS = [" ".join(WORDS[i % 7 :][: 2 + i % 5]) for i in range(23)] + ["", " "]


@pytest.fixture
def decoder(compact_model, compact_tokenizer):
    encoder = PromptEncoder(compact_tokenizer, get_template("compact"), max_count=4)
    lm = LanguageModel(compact_model, compact_tokenizer)
    return Decoder(lm, encoder, DecodingSettings(max_mention_tokens=6))


def on_replicas(decoder, copies):
    """The decoder on its model and so many copies, and what decodes on each."""
    lms = [decoder.lm, *(decoder.lm.copy_to(decoder.lm.device) for _ in range(copies))]
    replicas = [Replica(lm) for lm in lms]
    shared = ReplicaDecoder(decoder, lambda: replicas)
    return shared, [shared.decoder_on(replica) for replica in replicas]


def found(predictions):
    return [
        ([c.value for c in p.counts], [(m.label, m.start, m.end) for m in p.mentions])
        for p in predictions
    ]


@pytest.mark.parametrize("token_budget", [20, 100, 4096])
def test_replicas_find_the_same_in_the_same_order(decoder, token_budget):
    expected = found(decoder.predict(TEXTS, LABELS))
    settings = replace(decoder.settings, token_budget=token_budget)
    decoder = Decoder(decoder.lm, decoder.encoder, settings)
    shared, _ = on_replicas(decoder, copies=2)
    for _ in range(3):
        assert found(shared.predict(TEXTS, LABELS)) == expected
    assert shared.predict([], LABELS) == []
    assert shared.work.texts == 3 * len(TEXTS)


def test_all_replicas_decode_at_the_same_time(decoder, monkeypatch):
    shared, decoders = on_replicas(decoder, copies=2)
    met = threading.Barrier(3)
    for replica in decoders:
        monkeypatch.setattr(replica, "run", after_all_have_begun(met, replica.run))
    assert len(shared.predict(TEXTS, LABELS)) == len(TEXTS)
    assert shared.work.texts == len(TEXTS)


def after_all_have_begun(met, run):
    """What a replica does with a batch, its first one not before the others have theirs."""
    waits = iter([met.wait])

    def wait_and_run(batch):
        for wait in waits:
            wait(timeout=60)
        return run(batch)

    return wait_and_run


def test_an_error_of_one_replica_is_raised_and_the_others_go_on(decoder, monkeypatch):
    shared, (_, broken) = on_replicas(decoder, copies=1)
    whole = broken.run
    monkeypatch.setattr(broken, "run", lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        for _ in range(3):
            shared.predict(TEXTS, LABELS)
    monkeypatch.setattr(broken, "run", whole)
    assert len(shared.predict(TEXTS, LABELS)) == len(TEXTS)


def test_keys_and_values_of_a_text_are_kept_once(decoder):
    kept = {}
    for method in ("tree", "rows", "paper"):
        settings = DecodingSettings(method, max_mention_tokens=6)
        other = Decoder(decoder.lm, decoder.encoder, settings)
        other.predict(TEXTS[:8], LABELS)
        kept[method] = other.work.kept
    assert 0 < kept["tree"] < min(kept["rows"], kept["paper"])
