"""Weights that are kept in 8 bits, and are floats again when they are read."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from spacy_padellm.models.files.rounded import is_rounded, read_rounded, write_rounded
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource

from .folders import copy

FILE = "model.safetensors"


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=6, max_size=6),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
)
@settings(max_examples=30, deadline=None)
def test_a_matrix_is_half_a_step_off_at_most(tmp_path_factory, numbers, dtype):
    matrix = torch.tensor(numbers).view(3, 2).to(dtype)
    given = {"m": matrix, "v": matrix[0].clone(), "n": torch.tensor([3])}
    path = tmp_path_factory.mktemp("rounded") / FILE
    write_rounded(given, path, {"about": "it"})
    found = read_rounded(path)
    assert found.keys() == given.keys() and found["n"].tolist() == [3]
    assert torch.equal(found["v"], given["v"].float())
    steps = matrix.float().abs().amax(1, keepdim=True) / 127
    assert ((found["m"] - matrix.float()).abs() <= steps * 0.501 + 1e-9).all()
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["about"] == "it"


def test_a_folder_of_rounded_weights_is_a_model(lm_folder, tmp_path):
    folder = copy(lm_folder, tmp_path)
    exact = load_file(folder / FILE)
    size = (folder / FILE).stat().st_size
    write_rounded(exact, folder / FILE)
    assert is_rounded(folder / FILE) and (folder / FILE).stat().st_size < size / 2
    lm = load_model(ModelSource(str(folder))).lm
    state = lm.model.state_dict()
    for name, weight in exact.items():
        assert torch.allclose(state[name].float(), weight.float(), atol=weight.abs().max() / 127)
    assert lm.dtype == torch.float32
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [type(lm.model).__name__]


@pytest.mark.parametrize("fault", ["no scale", "half a file"])
def test_a_broken_file_is_named(lm_folder, tmp_path, fault):
    folder = copy(lm_folder, tmp_path)
    path = folder / FILE
    write_rounded(load_file(path), path)
    if fault == "no scale":
        weights = load_file(path)
        del weights[next(name for name in weights if name.endswith(".scale"))]
        save_file(weights, path, {"format": "pt", "rounded": "int8"})
    else:
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=FILE):
        load_model(ModelSource(str(folder)))
