"""From a name to the parts of a model: folders that refer to others, names that lead nowhere."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spacy_padellm.models.decodable import load_decodable
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.place import find_place, in_the_box
from spacy_padellm.spans.calibration import Calibration

SETTINGS = "padellm.json"


def refer(folder, base, like=None, **settings):
    """A folder that holds nothing but a reference, asked as another is, or in words of its own."""
    said = json.loads((like / SETTINGS).read_text()) if like else {}
    folder.mkdir()
    (folder / SETTINGS).write_text(json.dumps({**said, "base": {"name": str(base)}, **settings}))
    return folder


@pytest.fixture
def tuned(folders, tmp_path):
    """An adapter that changes what its base says."""
    folder = shutil.copytree(folders[1], tmp_path / "tuned")
    path = folder / "adapter_model.safetensors"
    torch.manual_seed(0)
    save_file({name: torch.randn_like(w) for name, w in load_file(path).items()}, path)
    return folder


def states(loaded):
    return loaded.lm.adapter, loaded.lm.model.state_dict()


def test_references_are_followed_to_the_weights(folders, tuned, tmp_path):
    base = folders[0]
    slope = {"calibration": {"slope": 0.5, "intercept": 0.0}}
    refer(tmp_path / "first", base, like=base)
    second = refer(tmp_path / "second", "../first", like=base, labels=["LOC"])
    far = load_model(ModelSource(str(second)), alone=True)
    near = load_model(ModelSource(str(base)), alone=True)
    assert far.settings.labels == ("LOC",) and far.template == near.template
    assert far.source.name == str(base) and not far.lm.adapter
    for name, weights in near.lm.model.state_dict().items():
        assert torch.equal(far.lm.model.state_dict()[name], weights)

    said = json.loads((tuned / SETTINGS).read_text())
    (tuned / SETTINGS).write_text(json.dumps({**said, "base": {"name": str(second)}, **slope}))
    third = refer(tmp_path / "third", tuned, like=tuned)
    expected = states(load_model(ModelSource(str(base), adapter=str(folders[1])), alone=True))
    for folder in (tuned, third):
        found = load_model(ModelSource(str(folder)), alone=True)
        assert found.settings.calibration == Calibration(0.5, 0.0)
        adapter, weights = states(found)
        assert adapter and weights.keys() == expected[1].keys()
        changed = {n for n, w in weights.items() if not torch.equal(w, expected[1][n])}
        assert changed and all("lora" in name for name in changed)


def test_a_base_that_was_calibrated_does_not_calibrate_its_adapter(folders, tuned, tmp_path):
    slope = {"calibration": {"slope": 0.5, "intercept": 0.0}}
    base = refer(tmp_path / "base", folders[0], like=folders[0], **slope)
    (tuned / SETTINGS).unlink()
    loaded = load_model(ModelSource(str(base), adapter=str(tuned)), alone=True)
    assert loaded.lm.adapter and loaded.settings.calibration is None
    assert load_model(ModelSource(str(base)), alone=True).settings.calibration is not None


@pytest.mark.parametrize("load", [load_model, load_decodable])
def test_references_that_lead_nowhere_are_named(load, folders, tmp_path):
    one = refer(tmp_path / "one", tmp_path / "two")
    refer(tmp_path / "two", "../one")
    with pytest.raises(ValueError, match=r"references go in a circle \(.*one → .*two → .*one\)"):
        load(ModelSource(str(one)))
    with pytest.raises(ValueError, match=r"in a circle"):
        load(ModelSource(str(refer(tmp_path / "itself", "."))))
    place = folders[0]
    for number in range(16):
        place = refer(tmp_path / f"step {number}", place)
    assert load(ModelSource(str(place))).lm
    with pytest.raises(ValueError, match="references are more than 16"):
        load(ModelSource(str(refer(tmp_path / "one more", place))))


def test_a_second_adapter_is_not_passed_over(tuned, tmp_path):
    upper = shutil.copytree(tuned, tmp_path / "upper")
    said = json.loads((upper / SETTINGS).read_text())
    (upper / SETTINGS).write_text(json.dumps({**said, "base": {"name": str(tuned)}}))
    with pytest.raises(ValueError, match=r"upper holds an adapter, .*tuned, holds another.* merge"):
        load_model(ModelSource(str(upper)))


@pytest.mark.parametrize(
    "name", ["~nobody-at-all/x", "x" * 300, f"./{'x' * 300}", f"{'x' * 300}.gguf", "./a\0b"]
)
def test_what_no_path_can_be_is_named(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for setting, source in (
        ("name", ModelSource(name)),
        ("adapter", ModelSource("english", adapter=name)),
    ):
        with pytest.raises(ValueError, match=rf"`{setting}` is .* there is no such folder"):
            load_model(source)
    assert not in_the_box(name)


def test_a_folder_of_others_is_named(monkeypatch):
    def is_dir(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", is_dir)
    with pytest.raises(ValueError, match=r"`base` is '/x/y'.*\(Permission denied\): ask"):
        find_place("/x/y", "base")
    assert not in_the_box("/x/y")
