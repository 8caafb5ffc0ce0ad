"""Files of weights that are damaged or another model's: one answer, on torch and on onnxruntime."""

import json
import shutil

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from spacy_padellm.lm.pointers import Pointers
from spacy_padellm.models.decodable import load_decodable
from spacy_padellm.models.files.header import read_header
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.pointer_files import save_pointers

from .commands import run

WEIGHTS, POINTERS = "model.safetensors", "pointers.safetensors"
LONG = (1 << 40).to_bytes(8, "little")


def written(header, tensors=b"\0" * 16):
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + tensors


def tensor(**fields):
    return {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **fields}}


DAMAGED = {
    "nothing": (b"", "does not begin as a safetensors file does"),
    "a pickle": (b"\x80\x04\x95" * 100, "does not begin as a safetensors file does"),
    "a long header": (LONG + b"{}", "does not begin as a safetensors file does"),
    "half a header": (written(tensor())[:20], "within its header: it was cut short"),
    "no JSON": (written(b"{" * 50), "is broken"),
    "a list": (written([]), "is broken"),
    "metadata of numbers": (written({"__metadata__": {"a": 1}}), "__metadata__.a is 1"),
    "half the tensors": (written(tensor(), b"\0" * 8), "w lies outside of the file"),
    "before the file": (written(tensor(data_offsets=[-16, 0])), r"w.data_offsets.0 is -16"),
    "backwards": (written(tensor(data_offsets=[16, 0])), "w lies outside of the file"),
    "another shape": (written(tensor(shape=[2, 3])), "w has not as many bytes as its shape says"),
    "an endless shape": (written(tensor(shape=[2**62, 4])), "w has not as many bytes"),
    "a shape of words": (written(tensor(shape=["2"])), r"w.shape.0 is '2'"),
    "no type": (written({"w": {"shape": [], "data_offsets": [0, 0]}}), "w.dtype: "),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "run git lfs pull"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pointing(pointing_folder, tmp_path_factory):
    """The folder of an exported model that points."""
    folder = tmp_path_factory.mktemp("pointing") / "exported"
    assert run(pointing_folder, "-o", folder).exit_code == 0
    return folder / "padellm_ner" / "model"


def refusals(folder):
    found = []
    for runtime in ("torch", "onnx"):
        with pytest.raises(ValueError) as error:
            load_decodable(ModelSource(str(folder), hardware=Hardware(runtime=runtime)))
        found.append(str(error.value))
    return found


def without_layouts(folder):
    """As an export that says nothing of its files."""
    path = folder / "onnx.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "layouts": {}}))


@pytest.mark.parametrize("name", [WEIGHTS, POINTERS])
def test_a_damaged_file_is_told_alike(name, pointing, tmp_path):
    folder = shutil.copytree(pointing, tmp_path / "model")
    for content, expected in DAMAGED.values():
        (folder / name).write_bytes(content)
        on_torch, on_onnx = refusals(folder)
        assert on_torch == on_onnx
        with pytest.raises(ValueError, match=expected) as error:
            read_header(folder / name)
        assert str(error.value) == on_onnx and str(folder / name) in on_onnx


def test_places_are_those_of_safetensors(pointing):
    for name in (WEIGHTS, POINTERS):
        header, weights = read_header(pointing / name), load_file(pointing / name)
        assert {n: list(p.shape) for n, p in header.tensors.items()} == {
            n: list(weight.shape) for n, weight in weights.items()
        }
        with safe_open(pointing / name, framework="pt") as file:
            assert header.metadata == file.metadata()


def test_pointers_of_another_width_are_told(pointing, tmp_path):
    folder = shutil.copytree(pointing, tmp_path / "model")
    with safe_open(folder / POINTERS, framework="pt") as file:
        about = json.loads(file.metadata()["pointers"])
    hidden = about["hidden"]
    other = Pointers(2 * hidden, about["labels"], about["width"], about["depth"])
    save_pointers(other.eval(), folder)
    assert "is not the file that the model was exported with" in refusals(folder)[1]
    without_layouts(folder)
    on_torch, on_onnx = refusals(folder)
    assert on_torch == on_onnx
    assert f"belongs to a model of width {2 * hidden}, and this one has {hidden}" in on_onnx
    assert str(folder / POINTERS) in on_onnx and "copy the model's folder again" in on_onnx
