"""Dropout of an adapter that is trained on, which may be another than it was made with."""

import json
import shutil
from dataclasses import replace

import pytest
import spacy
import torch
from safetensors.torch import load_file
from sample_pipelines import make_examples

from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.save import save_model
from spacy_padellm.models.trainable import make_trainable

IDS = torch.tensor([[3, 4, 5, 6]])
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def settings(method, dropout, **options):
    targets = ["q_proj", "v_proj"]
    return AdapterSettings(method, rank=4, dropout=dropout, targets=targets, options=options)


def make(folder, output, method="lora", **options):
    """A folder with an adapter of random weights."""
    loaded = load_model(ModelSource(str(folder)), alone=True)
    torch.manual_seed(0)
    tuned = train_adapter(loaded.lm, settings(method, 0.0, **options))
    for weights in tuned.model.parameters():
        if weights.requires_grad:
            torch.nn.init.normal_(weights.data, std=0.5)
    save_model(replace(loaded, lm=tuned), output, "reference")
    return output


def passes(lm):
    """What some passes say, as the model is: some methods drop whole layers, or none."""
    with torch.no_grad():
        return [lm.model(input_ids=IDS).logits for _ in range(8)]


def drops(lm):
    first, *others = passes(lm)
    return not all(torch.equal(other, first) for other in others)


@pytest.mark.parametrize("method", ["lora", "dora", "loha", "lokr", "delora"])
def test_an_adapter_is_trained_on_with_the_dropout_that_is_asked_for(method, lm_folder, tmp_path):
    source = ModelSource(str(make(lm_folder, tmp_path / "made", method)))
    before = load_file(tmp_path / "made" / WEIGHTS)
    as_decoded = passes(load_model(source, alone=True).lm)[0]
    loaded = make_trainable(load_model(source, alone=True), settings(method, 0.5))
    loaded.lm.model.train()
    assert drops(loaded.lm)
    loaded.lm.model.eval()
    assert all(torch.equal(said, as_decoded) for said in passes(loaded.lm))

    save_model(loaded, tmp_path / "saved", "reference")
    after = load_file(tmp_path / "saved" / WEIGHTS)
    assert all(torch.equal(after[name], before[name]) for name in before)
    said = json.loads((tmp_path / "saved" / CONFIG).read_text())
    assert 0.5 in (said.get("lora_dropout"), said.get("module_dropout"))

    again = load_model(ModelSource(str(tmp_path / "saved")), alone=True)
    kept = make_trainable(again, None)
    kept.lm.model.train()
    assert drops(kept.lm)
    without = make_trainable(kept, settings(method, 0.0))
    assert not drops(without.lm)


def test_dropout_may_be_asked_for_by_the_name_that_peft_has_for_it(lm_folder, tmp_path):
    source = ModelSource(str(make(lm_folder, tmp_path / "made")))
    asked = settings("lora", 0.0, lora_dropout=0.5)
    loaded = make_trainable(load_model(source, alone=True), asked)
    assert loaded.lm.model.peft_config[loaded.lm.adapter].lora_dropout == 0.5
    asked = settings("lora", 0.0, layers_to_transform=[0])
    with pytest.raises(ValueError, match=r"asks for layers_to_transform \[0\], but"):
        make_trainable(load_model(source, alone=True), asked)


def test_an_adapter_that_can_have_none_is_named(lm_folder, tmp_path):
    block = {"oft_block_size": 0}
    source = ModelSource(str(make(lm_folder, tmp_path / "made", "oft", **block)))
    with pytest.raises(ValueError, match=r"dropout is 0\.5, but the adapter .* has 0\.0.* to 0\.0"):
        make_trainable(load_model(source, alone=True), settings("oft", 0.5, **block))


def test_a_component_trains_its_adapter_on_with_the_dropout_of_its_config(lm_folder, tmp_path):
    make(lm_folder, tmp_path / "made")
    peft = {"rank": 4, "targets": ["q_proj", "v_proj"], "dropout": 0.5}
    model = {"name": str(lm_folder), "adapter": str(tmp_path / "made"), "peft": peft}
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": model})
    examples = make_examples(nlp, 4)
    nlp.update(examples, sgd=nlp.initialize(lambda: examples))
    shutil.rmtree(tmp_path / "made")
    nlp.to_disk(tmp_path / "saved")
    said = (tmp_path / "saved" / "padellm_ner" / "model" / CONFIG).read_text()
    assert json.loads(said)["lora_dropout"] == 0.5
