"""`padellm models`, and a pipeline whose model is a GGUF file."""

import json
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_padellm.models.named import lookup
from spacy_padellm.models.named.lookup import Listed
from spacy_padellm.models.prepared.prepare import CACHE_VARIABLE
from spacy_padellm.tools.annotate.plan import Job
from spacy_padellm.tools.publish import CardFacts, make_card

NAMES = ["Ada", "Bo", "Cy", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo"]


def test_the_models_that_can_be_named_are_listed(monkeypatch):
    rows = [
        *lookup.list_named(),
        Listed("beasts", "beasts-model", problem="the model 'beasts' cannot be had"),
        Listed("x", "x-model", "mit", "a model", install="pip install 'x'"),
    ]
    monkeypatch.setattr("spacy_padellm.cli.models.list_named", lambda: rows)
    done = CliRunner().invoke(app, ["padellm", "models"])
    assert done.exit_code == 0, done.output
    for name in ("english", "english-any", "english-smollm2", "gemma3", "minilm", "beasts"):
        assert name in done.output
    assert "x: pip install 'x'" in done.output and "cannot be had" in done.output


def test_a_pipeline_on_a_gguf_file_comes_back(lm_folder, tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    from remote.gguf_model import write_gguf

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    file = tmp_path / "small.gguf"
    write_gguf(lm_folder, file)
    nlp = spacy.blank("en")
    config = {"model": {"name": str(file), "peft": {"rank": 2}}, "labels": ["PER", "LOC"]}
    nlp.add_pipe("padellm_ner", config=config)
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    texts = [path.read_text() for path in (tmp_path / "pipeline").rglob("*.json")]
    assert any(str(file) in text for text in texts)
    assert not any(str(tmp_path / "cache") in text for text in texts)
    assert not list((tmp_path / "pipeline").rglob("model.safetensors"))
    again = spacy.load(tmp_path / "pipeline")
    assert again("Ada met Bo in Rome.").has_annotation("ENT_IOB")
    (tmp_path / "in.txt").write_text("Ada.")
    job = Job.of([str(tmp_path / "in.txt")], str(file), "", "jsonl", 4)
    job.open(tmp_path / "out")
    with file.open("ab") as end:
        end.write(b"\0")
    with pytest.raises(ValueError, match="other settings"):
        job.open(tmp_path / "out")


def test_a_card_names_the_base_as_the_hub_has_it(trained, monkeypatch):
    from dataclasses import replace

    from spacy_padellm.architectures.causal_lm import own_shim_of
    from spacy_padellm.models.licence import find_made_of
    from spacy_padellm.models.place import ModelPlace

    named = lookup.find_named("english")
    base = replace(named, hub="google/gemma-3-270m", licence="gemma")
    place = ModelPlace("gemma3", None, named=base)
    monkeypatch.setattr("spacy_padellm.tools.publish.find_place", lambda name, setting: place)
    pipe = trained.get_pipe("padellm_ner")
    shim = own_shim_of(pipe.model)
    loaded = shim.loaded.having(made_of=find_made_of(place, None))
    loaded = replace(loaded, source=replace(loaded.source, name="gemma3"))
    monkeypatch.setattr(shim, "_loaded", loaded, raising=False)
    data = make_card(trained, pipe, CardFacts("me/model")).data
    assert (data.base_model, data.license) == ("google/gemma-3-270m", "gemma")


def test_training_begins_with_a_gguf_file(lm_folder, tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    from remote.gguf_model import write_gguf

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_gguf(lm_folder, tmp_path / "small.gguf")
    rows = [{"text": f"{name} came.", "entities": [[0, len(name), "PER"]]} for name in NAMES]
    Path("train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = ["--training.optimizer.learn_rate.total_steps", "2"]
    command = ["padellm", "train", "train.jsonl", "-o", "out", "--base", "small.gguf", *steps]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    config = load_config(Path("out/config.cfg")).interpolate()
    assert config["paths"]["base"] == str(tmp_path / "small.gguf")
    monkeypatch.chdir("/")
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "small.gguf").unlink()
    assert spacy.load(tmp_path / "out" / "model-best").get_pipe("padellm_ner").labels == ("PER",)
