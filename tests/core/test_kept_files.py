"""An adapter in few bits, as packages have them: its files stay as they are until it is trained."""

import json
import runpy
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
import torch
from safetensors.torch import load_file
from sample_pipelines import make_examples
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.pointer_files import add_pointers
from spacy_padellm.models.save import save_model
from spacy_padellm.spans.calibration import Calibration

SCRIPT = Path(__file__).parents[2] / "scripts" / "shrink_adapter.py"
FILES = ("adapter_model.safetensors", "pointers.safetensors")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def shipped(lm_folder, tmp_path, monkeypatch):
    """A folder that the script has made of a trained adapter."""
    torch.manual_seed(0)
    loaded = load_model(ModelSource(str(lm_folder)), alone=True)
    loaded = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2)))
    loaded = add_pointers(loaded, ("PER", "LOC"), both_ways=False)
    for weights in loaded.lm.trained.parameters():
        if weights.requires_grad:
            torch.nn.init.normal_(weights.data, std=0.1)
    save_model(loaded, tmp_path / "trained", "reference")
    named = ["--name", "mine", "--licence", "mit", "--labels", "PER", "LOC"]
    words = [SCRIPT.name, str(tmp_path / "trained"), str(tmp_path / "shipped"), *named]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    shutil.rmtree(tmp_path / "trained")
    return tmp_path / "shipped"


def pipeline(save_mode="auto", **model):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": model, "save_mode": save_mode})
    return nlp


def model_of(folder):
    return folder / "padellm_ner" / "model"


def are_kept(folder, shipped):
    """Whether the files are the same, byte by byte."""
    return [(folder / name).read_bytes() == (shipped / name).read_bytes() for name in FILES]


def found(nlp):
    docs = nlp.pipe(["Ada Lovelace saw Rome.", "No one."])
    return [[(e.start, e.end, e.label_, e._.padellm_score) for e in doc.ents] for doc in docs]


@pytest.mark.parametrize("alone", [True, False])
def test_a_pipeline_keeps_them_wherever_it_is_saved(
    alone, shipped, lm_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model = {"name": "shipped"} if alone else {"name": str(lm_folder), "adapter": "shipped"}
    nlp = pipeline(**model)
    nlp.get_pipe("padellm_ner").shim.calibrate(Calibration(2.0, -1.0))
    expected = found(nlp)
    monkeypatch.chdir("/")
    nlp.to_disk(tmp_path / "once")
    again = spacy.load(tmp_path / "once")
    again.to_disk(tmp_path / "twice")
    again.to_disk(tmp_path / "once")  # where it was read from
    for name in ("once", "twice"):
        assert are_kept(model_of(tmp_path / name), shipped) == [True, True]
        assert not (model_of(tmp_path / name) / "base").exists()
        assert found(spacy.load(tmp_path / name)) == expected
    shutil.rmtree(shipped)
    nlp.to_disk(tmp_path / "without")  # nothing is left to be kept
    assert found(spacy.load(tmp_path / "without")) == expected


def test_a_full_copy_keeps_them_too(shipped, tmp_path):
    nlp = pipeline("full", name=str(shipped))
    nlp.to_disk(tmp_path / "full")
    assert are_kept(model_of(tmp_path / "full"), shipped) == [True, True]
    assert (model_of(tmp_path / "full") / "base" / "model.safetensors").exists()
    again = spacy.load(tmp_path / "full")
    again.to_disk(tmp_path / "again")
    assert are_kept(model_of(tmp_path / "again"), shipped) == [True, True]
    assert found(spacy.load(tmp_path / "again")) == found(nlp)


def test_the_command_that_calibrates_keeps_them(shipped, scripted, tmp_path):
    pipeline(name=str(shipped)).to_disk(tmp_path / "pipeline")
    docs, script = [], {}
    for number in range(80):
        doc = spacy.blank("en").make_doc(f"Number {number} is Ada Byron.")
        right = [Span(doc, 3, 5, label="PER")] if number < 40 or number % 2 else []
        doc.set_ents(right, default="outside")
        docs.append(doc)
        script[doc.text] = [("PER", "Ada Byron", 0.95 - number / 400)]
    scripted(script)
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    command = ["padellm", "calibrate", "pipeline", "dev.spacy", "calibrated"]
    words = [str(tmp_path / word) if word in command[2:] else word for word in command]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    said = json.loads((model_of(tmp_path / "calibrated") / "padellm.json").read_text())
    assert said["calibration"]["slope"] != 1
    assert are_kept(model_of(tmp_path / "calibrated"), shipped) == [True, True]


def test_what_was_trained_is_what_is_saved(shipped, tmp_path):
    nlp = pipeline(name=str(shipped))
    examples = make_examples(nlp, 4)
    sgd = nlp.initialize(lambda: examples)
    nlp.update(examples, sgd=sgd)
    nlp.to_disk(tmp_path / "trained")
    assert are_kept(model_of(tmp_path / "trained"), shipped) == [False, False]
    weights = load_file(model_of(tmp_path / "trained") / FILES[0])
    before = load_file(shipped / FILES[0])
    assert any(not torch.equal(weights[name], before[name].float()) for name in before)
    assert found(spacy.load(tmp_path / "trained")) == found(nlp)


def test_an_adapter_of_the_hub_is_kept_as_it_was_downloaded(
    shipped, lm_folder, tmp_path, monkeypatch
):
    hub = tmp_path / "hub"
    (hub / "models--me--mine" / "refs").mkdir(parents=True)
    (hub / "models--me--mine" / "refs" / "v1").write_text(COMMIT)
    shutil.copytree(shipped, hub / "models--me--mine" / "snapshots" / COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    loaded = load_model(ModelSource(str(lm_folder), adapter="me/mine@v1"), alone=True)
    save_model(loaded, tmp_path / "saved", "reference")
    assert are_kept(tmp_path / "saved", shipped) == [True, True]


def test_a_reference_leaves_the_pointers_of_its_base_there(lm_folder, tmp_path):
    loaded = load_model(ModelSource(str(lm_folder)), alone=True)
    save_model(add_pointers(loaded, ("PER",)), tmp_path / "base", "full")
    nlp = pipeline("reference", name=str(tmp_path / "base"))
    nlp.to_disk(tmp_path / "saved")
    assert not list((tmp_path / "saved").rglob("*.safetensors"))
    assert found(spacy.load(tmp_path / "saved")) == found(nlp)
