import json
import shutil
from dataclasses import replace

import pytest
import torch

from spacy_padellm.adapters import LoraSettings, add_lora
from spacy_padellm.decoding import Decoder
from spacy_padellm.devices import find_device, find_dtype
from spacy_padellm.lm import LanguageModel
from spacy_padellm.loading import LoadedModel, ModelSource, load_model
from spacy_padellm.prompts import get_template
from spacy_padellm.saving import save_model
from spacy_padellm.training.scratch import create_model

TEXTS = ["Ada Lovelace met Charles Babbage in London.", "No one."]


@pytest.fixture
def loaded(compact_model, compact_tokenizer):
    template = get_template("compact", bidirectional=True)
    lm = LanguageModel(compact_model, compact_tokenizer, "tiny")
    return LoadedModel(lm, template, ("PER", "LOC"), {"LOC": "places"})


def answers(loaded):
    found = Decoder(loaded.lm, loaded.encoder(), max_count=4).predict(TEXTS, loaded.labels)
    return [[(m.label, m.start, m.end, round(m.probability, 5)) for m in p.mentions] for p in found]


def with_lora(loaded, **settings):
    return replace(loaded, lm=add_lora(loaded.lm, LoraSettings(**settings)))


def train_adapter(loaded):
    with torch.no_grad():
        for name, parameter in loaded.lm.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5)
    loaded.lm.model.eval()


def test_a_full_copy_is_the_same_model_anywhere(loaded, tmp_path):
    save_model(loaded, tmp_path / "here", "full")
    shutil.move(tmp_path / "here", tmp_path / "there")
    again = load_model(ModelSource(str(tmp_path / "there")))
    assert (again.template, again.labels) == (loaded.template, loaded.labels)
    assert again.descriptions == {"LOC": "places"}
    assert answers(again) == answers(loaded)
    assert (tmp_path / "there" / "model.safetensors").exists()


@pytest.mark.parametrize("mode", ["full", "reference"])
def test_an_adapter_comes_back_with_its_base(mode, loaded, tmp_path):
    save_model(loaded, tmp_path / "base", "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path / "base"))), rank=2)
    train_adapter(tuned)
    assert answers(tuned) != answers(loaded)
    save_model(tuned, tmp_path / "tuned", mode)
    if mode == "full":
        shutil.rmtree(tmp_path / "base")
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert again.has_adapter and answers(again) == answers(tuned)
    size = (tmp_path / "tuned" / "adapter_model.safetensors").stat().st_size
    assert mode == "full" or not list((tmp_path / "tuned").glob("model*.safetensors"))
    assert size < 100_000


def test_only_the_adapter_is_trained(loaded, compact_tokenizer):
    model = create_model(compact_tokenizer, hidden_size=32, num_hidden_layers=1)
    tuned = with_lora(
        LoadedModel(LanguageModel(model, compact_tokenizer), loaded.template), targets=["q_proj"]
    )
    trained = [n for n, p in tuned.lm.model.named_parameters() if p.requires_grad]
    assert trained and all("lora_" in name and "q_proj" in name for name in trained)


def test_an_adapter_that_does_not_fit_is_named(loaded, tmp_path, compact_tokenizer):
    save_model(loaded, tmp_path / "base", "full")
    tuned = with_lora(load_model(ModelSource(str(tmp_path / "base"))), rank=2)
    save_model(tuned, tmp_path / "tuned", "reference")
    other = create_model(
        compact_tokenizer, hidden_size=16, num_attention_heads=2, num_hidden_layers=1
    )
    other.save_pretrained(tmp_path / "other")
    compact_tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(ValueError, match=r"adapter.*does not fit"):
        load_model(ModelSource(str(tmp_path / "other"), adapter=str(tmp_path / "tuned")))


def test_lora_targets_that_are_not_there_are_named(loaded, compact_tokenizer):
    model = create_model(compact_tokenizer, hidden_size=32, num_hidden_layers=1)
    other = LoadedModel(LanguageModel(model, compact_tokenizer, "tiny"), loaded.template)
    with pytest.raises(ValueError, match=r"lora\.targets.*nowhere"):
        with_lora(other, targets=["nowhere"])


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "~/nowhere/at/all", ""])
def test_a_missing_folder_is_named(name):
    with pytest.raises(ValueError, match="`name`"):
        load_model(ModelSource(name))


def test_a_hub_id_offline_says_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="Offline"):
        load_model(ModelSource("nobody/no-such-model"))


def test_a_model_that_is_no_causal_lm_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ValueError, match="not a causal LM"):
        load_model(ModelSource(str(tmp_path)))


def test_a_relative_path_is_looked_up_beside_the_pipeline(loaded, tmp_path, monkeypatch):
    save_model(loaded, tmp_path / "pipeline" / "weights", "full")
    monkeypatch.chdir(tmp_path)
    again = load_model(ModelSource("weights"), relative_to=tmp_path / "pipeline")
    assert again.labels == loaded.labels


def test_devices_and_dtypes_are_checked():
    assert find_device("cpu").type == "cpu"
    assert find_dtype("auto", torch.device("cpu")) is torch.float32
    with pytest.raises(ValueError, match="device 'warp'"):
        find_device("warp")
    with pytest.raises(ValueError, match="dtype 'float33'"):
        find_dtype("float33", torch.device("cpu"))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="not there"):
            find_device("cuda")


def test_a_folder_of_a_newer_release_is_refused(loaded, tmp_path):
    save_model(loaded, tmp_path, "full")
    path = tmp_path / "padellm.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer"):
        load_model(ModelSource(str(tmp_path)))
