"""Components that point at mentions: one pass for all of them."""

from dataclasses import replace

import pytest
import spacy
from sample_pipelines import SCRATCH_MODEL, TEXTS, make_examples, spans_of
from spacy.tokens import Doc

from .pointing import found, pointing_nlp


def test_it_learns_soon(pointing):
    scores = pointing.evaluate(make_examples(pointing, 30, seed=1))
    assert scores["ents_f"] > 0.95


def test_a_batch_takes_one_pass(pointing):
    decoder = pointing.get_pipe("padellm_ner").doc_decoder
    before = decoder.work
    list(pointing.pipe([text for text in TEXTS if text] * 5))
    assert decoder.work.passes - before.passes == decoder.work.batches - before.batches == 1


def test_texts_are_found_alone_as_in_batches(pointing):
    texts = [*TEXTS, "In Oslo we met Ada Lovelace. Tim Lee left Rome today. Nobody came."]
    assert found(pointing, texts) == [found(pointing, [text])[0] for text in texts]


def test_labels_are_read_once(pointing, monkeypatch):
    pipe = pointing.get_pipe("padellm_ner")
    calls = []
    decoder = pipe.shim.loaded.lm.model.get_decoder()
    decoder.register_forward_pre_hook(lambda *_: calls.append(1))
    for text in ("Tim Lee left Rome today.",) * 4:
        pointing(text)
    assert len(calls) == 5  # four texts, and the labels at the first


def test_a_batch_is_as_large_as_its_padding(pointing):
    decoder = pointing.get_pipe("padellm_ner").doc_decoder.decoder
    texts = ["In Oslo we met Tim Lee. " * 8, *["Nobody came."] * 20]
    budget = replace(decoder.settings, token_budget=200)
    for batch in replace(decoder, settings=budget).plan(texts, ["PER"]):
        longest = max(len(prompt.trunk) for _, prompt in batch.items)
        assert len(batch.items) == 1 or longest * len(batch.items) <= 200


def test_many_texts_on_a_cpu_are_read_in_several_passes(pointing):
    texts = ["In Oslo we met Tim Lee. " * 9, *["Nobody came to Rome."] * 200]
    decoder = pointing.get_pipe("padellm_ner").doc_decoder.decoder
    batches = decoder.plan(texts, ["PER"])
    padded = [len(b.items) * max(len(prompt.trunk) for _, prompt in b.items) for b in batches]
    assert len(batches) > 1 and max(padded) <= 1024 < decoder.settings.token_budget
    assert found(pointing, texts)[1:] == [found(pointing, texts[1:2])[0]] * 200


def test_mentions_begin_and_end_on_tokens_of_the_doc(pointing):
    doc = Doc(pointing.vocab, ["AdaLovelace", "lives", "inParis", "."])
    for ent in pointing(doc).ents:
        assert doc.char_span(ent.start_char, ent.end_char) is not None


@pytest.mark.parametrize("decoder", ["tree", "rows"])
def test_it_does_not_write_mentions(pointing_folder, decoder):
    nlp = spacy.load(pointing_folder, config={"components": {"padellm_ner": {"decoder": decoder}}})
    with pytest.raises(ValueError, match=r"was trained to point.*set decoder = 'auto'"):
        nlp("Ada Lovelace lives in Paris.")


def test_a_joint_template_cannot_point(plain_lm_folder):
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "paper_english"}
    nlp = pointing_nlp({"@architectures": "spacy_padellm.CausalLM.v1",
                        "name": str(plain_lm_folder), "template": template})  # fmt: skip
    examples = make_examples(nlp, 4)
    with pytest.raises(ValueError, match=r"set model.pointers to false"):
        nlp.initialize(lambda: examples)


def test_a_setting_of_another_type_is_named():
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"(?s)pointers.*'yes' is not"):
        nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "pointers": "yes"}})


def test_texts_with_labels_of_their_own_take_a_pass_for_each_set(pointing):
    sets = [["PER"], None, ["LOC"], ["LOC", "PER"], [], ["PER"]]
    docs = [pointing.make_doc("Ada Lovelace lives in Paris.") for _ in sets]
    for doc, labels in zip(docs, sets, strict=True):
        doc._.padellm_labels = labels
    decoder = pointing.get_pipe("padellm_ner").doc_decoder
    before = decoder.work
    both = {"PER": (0, 12, "PER"), "LOC": (22, 27, "LOC")}
    for doc, labels in zip(pointing.pipe(docs), sets, strict=True):
        wanted = ["PER", "LOC"] if labels is None else sorted(labels, reverse=True)
        assert spans_of(doc) == [both[label] for label in wanted]
    assert decoder.work.passes - before.passes == 3
