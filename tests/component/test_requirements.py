"""What a saved pipeline says that it needs, and what `spacy package` makes of it."""

import json
import shutil

import pytest
import spacy
from packaging.requirements import Requirement
from packaging.version import Version
from spacy.cli.package import package

from spacy_padellm import __version__
from spacy_padellm.pipeline.requirements import note_requirements
from spacy_padellm.pipeline.saving import save_pipeline


def blank(name, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(name)}, **config})
    return nlp


def requirements(folder):
    return json.loads((folder / "meta.json").read_text()).get("requirements", [])


def extras_of_ours(folder):
    (line,) = [line for line in requirements(folder) if line.startswith("spacy-padellm")]
    assert Version(__version__) in Requirement(line).specifier
    return Requirement(line).extras


@pytest.mark.parametrize("save_mode", ["full", "reference"])
def test_the_model_in_the_box_needs_no_extra(save_mode, tmp_path):
    save_pipeline(blank("english", save_mode=save_mode), tmp_path / "saved")
    assert extras_of_ours(tmp_path / "saved") == set()


def test_weights_that_torch_runs_need_it_until_they_are_exported(lm_folder, tmp_path):
    nlp = blank(lm_folder)
    nlp.meta["requirements"] = ["someone-elses==1.0", "spacy-padellm[ray]>=0.1"]
    save_pipeline(nlp, tmp_path / "saved")
    assert extras_of_ours(tmp_path / "saved") == {"torch", "ray"}
    assert requirements(tmp_path / "saved")[0] == "someone-elses==1.0"
    model = tmp_path / "saved" / "padellm_ner" / "model"
    shutil.rmtree(model)  # as an export writes it
    save_pipeline(blank("english", save_mode="full"), tmp_path / "box")
    shutil.copytree(tmp_path / "box" / "padellm_ner" / "model", model)
    note_requirements(tmp_path / "saved", ["padellm_ner", "not_there"])
    assert extras_of_ours(tmp_path / "saved") == {"ray"}


@pytest.mark.parametrize(
    ("base", "extra"),
    [
        ("smollm2", "smollm2"),
        ("gemma3", "gemma3"),
        ("org/model", "torch"),
        ("files/llama.gguf", "gguf"),
        ("english", "torch"),
    ],
)
def test_an_adapter_needs_what_brings_its_base(base, extra, lm_folder, tmp_path):
    save_pipeline(blank(lm_folder), tmp_path)
    settings = tmp_path / "padellm_ner" / "model" / "padellm.json"
    said = json.loads(settings.read_text()) | {"base": {"name": base, "revision": None}}
    settings.write_text(json.dumps(said))
    (settings.parent / "adapter_config.json").write_text("{}")
    note_requirements(tmp_path, ["padellm_ner"])
    assert extras_of_ours(tmp_path) == {extra}


@pytest.mark.parametrize(
    ("way", "extras", "others"),
    [
        ('"int8"', {"quantize", "torch"}, []),
        ('"4bit"', {"torch"}, ["bitsandbytes"]),
        ("${paths.vectors}", {"torch"}, []),  # null
    ],
)
def test_weights_that_are_rounded_need_what_rounds_them(way, extras, others, lm_folder, tmp_path):
    save_pipeline(blank(lm_folder), tmp_path)
    config = tmp_path / "config.cfg"
    text = config.read_text()
    assert "quantize = null" in text
    config.write_text(text.replace("quantize = null", f"quantize = {way}"))
    note_requirements(tmp_path, ["padellm_ner"])
    assert extras_of_ours(tmp_path) == extras
    assert requirements(tmp_path)[:-1] == others


def test_a_package_requires_it_once(lm_folder, tmp_path):
    save_pipeline(blank(lm_folder), tmp_path / "saved")
    package(tmp_path / "saved", tmp_path, name="mine", create_sdist=False, create_wheel=False)
    (made,) = tmp_path.glob("en_mine-*")
    assert extras_of_ours(made) == {"torch"}
    assert spacy.load(tmp_path / "saved").meta["requirements"] == requirements(tmp_path / "saved")


@pytest.mark.parametrize("lines", [["-e .", "git+https://example.com/x"], "someone-elses", [""]])
def test_lines_that_are_no_requirements_stay(lines, lm_folder, tmp_path):
    nlp = blank(lm_folder)
    nlp.meta["requirements"] = lines
    save_pipeline(nlp, tmp_path)
    given = [lines] if isinstance(lines, str) else lines
    assert requirements(tmp_path)[:-1] == given
    assert extras_of_ours(tmp_path) == {"torch"}


def test_a_place_of_this_package_stays(lm_folder, tmp_path):
    nlp = blank(lm_folder)
    nlp.meta["requirements"] = ["spacy-padellm[serve] @ git+https://example.com/fork"]
    save_pipeline(nlp, tmp_path)
    assert requirements(tmp_path) == nlp.meta["requirements"]


def test_a_model_behind_a_server_needs_nothing(lm_folder, tmp_path):
    server = {"@architectures": "spacy_padellm.Server.v1", "url": "http://localhost:1/v1"}
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "padellm_ner",
        config={
            "model": {**server, "model": "any", "tokenizer": str(lm_folder)},
            "labels": ["PER"],
        },
    )
    save_pipeline(nlp, tmp_path)
    assert not requirements(tmp_path)
