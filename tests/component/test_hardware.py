"""Where and how a model runs changes no entity."""

import gc
import logging
import pickle
import weakref

import pytest
import spacy
import torch
from sample_pipelines import TEXTS, add_scratch_pipe, make_examples, spans_of
from thinc.api import fix_random_seed
from transformers import AutoModelForCausalLM

from spacy_padellm.architectures.causal_lm import build_causal_lm
from spacy_padellm.models.hardware import Hardware


def entities(nlp, texts=TEXTS * 4, **settings):
    docs = list(nlp.pipe(texts, **settings))
    assert [doc.text for doc in docs] == texts
    found = [spans_of(doc) for doc in docs]
    assert any(found)
    return found


@pytest.mark.parametrize("batch_size", [1, 5, 128])
def test_replicas_share_the_texts_and_keep_their_order(random_nlp, batch_size):
    nlp = random_nlp(model={"devices": ["cpu", "cpu", "cpu"]}, token_budget=64)
    assert entities(nlp, batch_size=batch_size) == entities(random_nlp())
    decoder = nlp.get_pipe("padellm_ner").doc_decoder
    assert len({id(replica.lm.model) for replica in decoder.decoder.replicas()}) == 3
    assert decoder.work.texts == sum(bool(text.strip()) for text in TEXTS * 4)


def test_replicas_have_the_weights_that_training_left(tmp_path):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    add_scratch_pipe(nlp)
    nlp.config["components"]["padellm_ner"]["model"]["devices"] = ["cpu", "cpu"]
    nlp = spacy.blank("en").from_config(nlp.config)
    examples = make_examples(nlp, 60)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    list(nlp.pipe(TEXTS))
    _, outdated = map(weakref.ref, nlp.get_pipe("padellm_ner").doc_decoder.decoder.replicas())
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    gc.collect()
    assert outdated() is None  # its memory is free before there are others
    nlp.to_disk(tmp_path)
    alone = spacy.load(tmp_path, config={"components.padellm_ner.model.devices": []})
    assert entities(nlp, batch_size=1) == entities(alone, batch_size=1)


def test_forked_workers_have_replicas_of_their_own(random_nlp):
    nlp = random_nlp(model={"devices": ["cpu", "cpu"]})
    expected = entities(nlp)  # the threads of this process are there already
    assert entities(nlp, n_process=2, batch_size=4) == expected


def test_compiled_pipelines_say_the_same(random_nlp, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    nlp = random_nlp(model={"compile": True})
    assert entities(nlp) == entities(random_nlp())
    assert nlp.get_pipe("padellm_ner").shim.loaded.lm.static.shapes


def test_compile_says_where_it_has_no_effect(random_nlp, caplog, monkeypatch):
    nlp = random_nlp(model={"compile": True}, decoder="rows")
    with caplog.at_level(logging.WARNING):
        nlp("Ada Lovelace")
    assert "`compile` has no effect with decoder = 'rows'" in caplog.text
    monkeypatch.setattr("spacy_padellm.lm.selfcheck.tree_difference", lambda lm: 9.9)
    nlp = random_nlp(model={"compile": True})
    with caplog.at_level(logging.WARNING):
        nlp("Ada Lovelace")
    assert "takes no tree mask: `compile` has no effect" in caplog.text


@pytest.mark.parametrize("model", [{"devices": ["cpu", "cpu"]}, {"compile": True}])
def test_what_was_used_can_be_pickled(random_nlp, model, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    nlp = random_nlp(model=model)
    expected = entities(nlp)
    again = pickle.loads(pickle.dumps(nlp.get_pipe("padellm_ner")))
    assert [spans_of(doc) for doc in again.pipe(map(nlp.make_doc, TEXTS * 4))] == expected


def test_a_device_map_is_given_to_the_loader(random_nlp, monkeypatch):
    asked, load = [], AutoModelForCausalLM.from_pretrained

    def spy(*args, **kwargs):
        asked.append(kwargs.get("device_map"))
        return load(*args, **kwargs)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", spy)
    nlp = random_nlp(model={"device_map": "auto"})
    assert entities(nlp) == entities(random_nlp())
    assert asked == ["auto", None]
    with pytest.raises(ValueError, match="`device_map` is 'sideways'"):
        entities(random_nlp(model={"device_map": "sideways"}))


def test_settings_that_exclude_each_other_are_refused():
    with pytest.raises(ValueError, match="device and devices exclude each other: set all but one"):
        Hardware(device="cuda:0", devices=("cuda:0", "cuda:1"))
    with pytest.raises(ValueError, match="devices and device_map exclude"):
        Hardware(devices=("cpu",), device_map="auto")
    with pytest.raises(ValueError, match="compile and device_map exclude"):
        Hardware(device_map="auto", compile=True)
    with pytest.raises(ValueError, match="`quantize` is 'int3'"):
        Hardware(quantize="int3")
    with pytest.raises(ValueError, match=r"`devices` is a list: use \['cpu'\]"):
        build_causal_lm(devices="cpu")
    with pytest.raises(ValueError, match=r"`devices` has 'cuda:77' in it, .* null"):
        Hardware(devices=["cuda:77"]).find_first()


def test_quantised_weights_decode_and_are_saved_as_they_were(random_nlp, tmp_path):
    pytest.importorskip("torchao")
    nlp = random_nlp(model={"quantize": "int8"}, save_mode="full")
    found = entities(nlp)
    assert found
    nlp.to_disk(tmp_path)
    assert entities(spacy.load(tmp_path)) == found
    plain = spacy.load(tmp_path, config={"components.padellm_ner.model.quantize": None})
    assert entities(plain) == entities(random_nlp())
    assert entities(spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())) == found
    with pytest.raises(ValueError, match="quantize to null"):
        nlp.update(make_examples(nlp, 2), sgd=nlp.create_optimizer())


def test_quantising_without_its_library_says_what_to_install(random_nlp, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchao.quantization", None)
    with pytest.raises(ValueError, match=r"pip install 'spacy-padellm\[quantize\]'"):
        random_nlp(model={"quantize": "int8"})("Ada Lovelace")


@pytest.mark.parametrize("lora", [None, {"rank": 2, "targets": ["q_proj", "lm_head"]}])
def test_training_leaves_no_outdated_weights_behind(random_nlp, lora, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    made = []
    for settings in ({}, {"compile": True}, {"devices": ["cpu", "cpu"]}):
        torch.manual_seed(0)
        nlp = random_nlp(model={"peft": lora, **settings})
        list(nlp.pipe(TEXTS))
        sgd = nlp.create_optimizer()
        sgd.learn_rate = 0.05
        for _ in range(3):
            nlp.update(make_examples(nlp, 6), sgd=sgd)
            list(nlp.pipe(TEXTS))  # copies and graphs are in use between the steps
        made.append(entities(nlp))
    assert made[0] == made[1] == made[2]
