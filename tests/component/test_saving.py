import json
import os
import pickle
import shutil

import pytest
import spacy
from sample_pipelines import TEXTS, add_scratch_pipe, change, make_examples, spans_of

from spacy_padellm.architectures.folder_bytes import folder_to_bytes
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.pipeline.annotation import entity_scores


def answers(nlp):
    return [
        [(ent.text, ent.label_, round(score, 4)) for ent, score in entity_scores(nlp(text))]
        for text in TEXTS
    ]


def test_a_moved_pipeline_gives_the_same_elsewhere(trained, tmp_path, monkeypatch):
    expected = answers(trained)
    trained.to_disk(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    assert answers(spacy.load("../there")) == expected
    assert expected[0]


def test_full_mode_needs_no_base(random_nlp, lm_folder, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(lm_folder, base)
    nlp = random_nlp(model={"name": str(base)}, save_mode="full")
    expected = answers(nlp)
    nlp.to_disk(tmp_path / "p")
    shutil.rmtree(base)
    loaded = spacy.load(tmp_path / "p")
    assert answers(loaded) == expected
    # A full copy stays one.
    loaded.to_disk(tmp_path / "q")
    shutil.rmtree(tmp_path / "p")
    assert answers(spacy.load(tmp_path / "q")) == expected


def test_a_relative_base_is_found_from_anywhere(lm_folder, tmp_path, monkeypatch):
    shutil.copytree(lm_folder, tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": "./base"}})
    expected = answers(nlp)
    nlp.to_disk(tmp_path / "p")
    weights = list((tmp_path / "p").rglob("*.safetensors"))
    assert not weights, "an outside base is referred to by default"
    monkeypatch.chdir("/")
    assert answers(spacy.load(tmp_path / "p")) == expected


def test_an_adapter_is_saved_without_its_base(random_nlp, tmp_path):
    nlp = random_nlp(model={"peft": {"rank": 2, "alpha": 4, "dropout": 0.0, "targets": None}})
    examples = make_examples(nlp, 20)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    expected = answers(nlp)
    nlp.to_disk(tmp_path / "p")
    files = {path.name for path in (tmp_path / "p").rglob("*.safetensors")}
    assert files == {"adapter_model.safetensors"}
    assert answers(spacy.load(tmp_path / "p")) == expected
    change(nlp.get_pipe("padellm_ner"), save_mode="full")
    nlp.to_disk(tmp_path / "full")
    assert answers(spacy.load(tmp_path / "full")) == expected


def test_weights_trained_here_cannot_be_a_reference(random_nlp, tmp_path):
    nlp = random_nlp(save_mode="reference")
    examples = make_examples(nlp, 4)
    nlp.update(examples, sgd=nlp.initialize(lambda: examples))
    with pytest.raises(ValueError, match=r"save_mode is 'reference'.*set save_mode"):
        nlp.to_disk(tmp_path / "p")
    # With "auto" they are copied.
    nlp = random_nlp()
    nlp.update(examples, sgd=nlp.initialize(lambda: examples))
    nlp.to_disk(tmp_path / "p")
    assert answers(spacy.load(tmp_path / "p")) == answers(nlp)


def test_saving_over_the_folder_it_came_from(trained, tmp_path):
    expected = answers(trained)
    trained.to_disk(tmp_path / "p")
    nlp = spacy.load(tmp_path / "p")
    nlp.to_disk(tmp_path / "p")
    assert answers(nlp) == answers(spacy.load(tmp_path / "p")) == expected
    assert sorted(os.listdir(tmp_path / "p" / "padellm_ner")) == ["cfg", "model"]


def test_bytes(trained, trained_folder):
    expected = answers(trained)
    nlp = spacy.blank("en")
    add_scratch_pipe(nlp)
    assert answers(nlp.from_bytes(trained.to_bytes())) == expected
    pipe = trained.get_pipe("padellm_ner")
    copy = spacy.load(trained_folder)
    copy.get_pipe("padellm_ner").from_bytes(pipe.to_bytes())
    assert answers(copy) == expected


def test_bytes_have_a_limit(trained):
    with pytest.raises(ValueError, match="use to_disk"):
        folder_to_bytes(trained.to_disk, most=1000)


def test_pickle(trained):
    assert answers(pickle.loads(pickle.dumps(trained))) == answers(trained)


def test_config_round_trip(trained, trained_folder):
    config = trained.config["components"]["padellm_ner"]
    assert config["factory"] == "padellm_ner" and config["model"]["vocab_size"] == 600
    again = spacy.load(trained_folder).config
    assert again["components"] == trained.config["components"]
    rebuilt = spacy.blank("en").from_config(trained.config.copy())
    assert rebuilt.pipe_names == ["padellm_ner"]


def test_settings_can_be_changed_at_load(trained_folder):
    change = {"components": {"padellm_ner": {"threshold": 0.5, "labels": ["LOC"]}}}
    nlp = spacy.load(trained_folder, config=change)
    assert nlp.get_pipe("padellm_ner").settings.threshold == 0.5
    assert [ent.label_ for ent in nlp(TEXTS[0]).ents] == ["LOC"]


def test_loading_asks_nothing_of_the_configs_model(trained_folder, tmp_path):
    """The model block may name what is gone: the saved folder holds all."""
    shutil.copytree(trained_folder, tmp_path / "p")
    change = {
        "components": {
            "padellm_ner": {
                "model": {"@architectures": "spacy_padellm.CausalLM.v1", "name": "/gone"}
            }
        }
    }
    config = spacy.util.load_config(tmp_path / "p" / "config.cfg")
    config["components"]["padellm_ner"]["model"] = change["components"]["padellm_ner"]["model"]
    config.to_disk(tmp_path / "p" / "config.cfg")
    assert spans_of(spacy.load(tmp_path / "p")(TEXTS[0])) == [(0, 12, "PER"), (22, 27, "LOC")]


def test_the_model_folder_serves_without_spacy(trained_folder):
    folder = trained_folder / "padellm_ner" / "model"
    assert json.loads((folder / "padellm.json").read_text())["labels"] == ["LOC", "PER"]
    loaded = load_model(ModelSource(str(folder)))
    assert loaded.settings.labels == ("LOC", "PER") and loaded.template.bidirectional


def test_a_lost_base_is_named(random_nlp, lm_folder, tmp_path):
    shutil.copytree(lm_folder, tmp_path / "base")
    nlp = random_nlp(model={"name": str(tmp_path / "base")}, save_mode="reference")
    nlp.to_disk(tmp_path / "p")
    shutil.rmtree(tmp_path / "base")
    with pytest.raises(ValueError, match=r"base"):
        spacy.load(tmp_path / "p")
