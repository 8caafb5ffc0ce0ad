"""Components that point at mentions, saved and loaded, by others under other names too."""

import json

import pytest
import spacy
from safetensors.torch import load_file, save_file
from sample_pipelines import TEXTS, make_examples

from .pointing import PRETRAINED, found, pointing_nlp, train


def test_bytes_copies_and_devices_find_the_same(pointing, pointing_folder):
    expected = found(pointing)
    assert any(expected)
    other = spacy.blank("en").from_config(pointing.config).from_bytes(pointing.to_bytes())
    assert found(other) == expected
    config = {"components": {"padellm_ner": {"model": {"devices": ["cpu", "cpu"]}}}}
    shared = spacy.load(pointing_folder, config=config)
    assert found(shared) == expected


def test_an_adapter_is_saved_by_reference_with_its_pointers(plain_lm_folder, tmp_path):
    model = {
        "@architectures": "spacy_padellm.CausalLM.v1",
        "name": str(plain_lm_folder),
        "peft": {"rank": 4, "targets": "all-linear"},
    }
    nlp = pointing_nlp(model)
    train(nlp, make_examples(nlp, 60), steps=80, rate=0.005)
    assert nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"] > 0.9
    nlp.to_disk(tmp_path / "saved")
    names = {path.name for path in (tmp_path / "saved" / "padellm_ner" / "model").iterdir()}
    assert {"pointers.safetensors", "adapter_model.safetensors"} <= names
    assert "base" not in names
    template = nlp.get_pipe("padellm_ner").shim.loaded.template
    assert template.repeat_text and not template.bidirectional  # as its base reads
    again = spacy.load(tmp_path / "saved")
    assert again.get_pipe("padellm_ner").shim.loaded.template == template
    assert found(again) == found(nlp)


def test_a_template_that_is_named_stays(plain_lm_folder):
    template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "plain"}
    model = {**PRETRAINED, "name": str(plain_lm_folder), "template": template, "peft": {"rank": 4}}
    nlp = pointing_nlp(model)
    nlp.initialize(lambda: make_examples(nlp, 4))
    assert not nlp.get_pipe("padellm_ner").shim.loaded.template.repeat_text


def test_texts_longer_than_a_model_that_reads_them_twice_are_windowed(plain_lm_folder):
    model = {**PRETRAINED, "name": str(plain_lm_folder), "peft": {"rank": 4}}
    nlp = pointing_nlp(model, window=2048, overlap=16)
    nlp.initialize(lambda: make_examples(nlp, 4))
    doc = nlp(" ".join(TEXTS * 200))
    assert len(doc) > 1024 and doc.has_annotation("ENT_IOB")


def test_labels_are_known_by_their_names(tmp_path):
    """A model that met them under several names is asked by any of these."""
    noise = {"names": {"PER": ["person"], "LOC": ["place"]}, "rename": 0.7}
    nlp = pointing_nlp(label_noise=noise)
    train(nlp, make_examples(nlp, 80), steps=120)
    pointers = nlp.get_pipe("padellm_ner").shim.loaded.lm.pointers
    assert pointers.labels == ()
    expected = nlp.evaluate(make_examples(nlp, 30, seed=1))["ents_f"]
    nlp.to_disk(tmp_path)
    model = {**PRETRAINED, "name": str(tmp_path / "padellm_ner" / "model")}
    other = pointing_nlp(model, labels=["place", "person"])
    names = {"PER": "person", "LOC": "place"}
    renamed = [[(s, e, names[label]) for s, e, label, _ in spans] for spans in found(nlp)]
    assert expected > 0.9
    assert [[span[:3] for span in spans] for spans in found(other)] == renamed != [[]] * len(TEXTS)


def damage(kind, path):
    weights = load_file(path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "no words about it":
        save_file(weights, path)
    elif kind == "another width":
        about = {"hidden": 32, "labels": ["PER"], "width": 96, "depth": 4}
        save_file(weights, path, {"pointers": json.dumps(about)})
    else:
        del weights["rare"]
        about = {"hidden": 64, "labels": ["PER", "LOC"], "width": 96, "depth": 4}
        save_file(weights, path, {"pointers": json.dumps(about)})


@pytest.mark.parametrize("kind", ["cut", "no words about it", "another width", "a weight less"])
def test_a_damaged_file_is_named(pointing, tmp_path, kind):
    pointing.to_disk(tmp_path / "saved")
    damage(kind, tmp_path / "saved" / "padellm_ner" / "model" / "pointers.safetensors")
    with pytest.raises(ValueError, match=r"pointers\.safetensors"):
        spacy.load(tmp_path / "saved")("Ada Lovelace lives in Paris.")
