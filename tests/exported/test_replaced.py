"""Another export takes the folder's place: while it is read, before a fork, before it is saved."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import spacy
from sample_pipelines import TEXTS

import spacy_padellm.models.exported.read as reading
from spacy_padellm.atomic import whole_folder
from spacy_padellm.models.decodable import load_decodable
from spacy_padellm.models.loaded_model import ModelSource

from .commands import run

PART = "padellm_ner/model"


@pytest.fixture(scope="module")
def exports(trained_folder, exported_folder, tmp_path_factory):
    """Two of the same shapes and other weights: their files have the same headers."""
    folder = tmp_path_factory.mktemp("other")
    nlp = spacy.load(trained_folder)
    for weight in nlp.get_pipe("padellm_ner").shim.loaded.lm.model.parameters():
        weight.data += 0.05
    nlp.to_disk(folder / "trained")
    done = run(folder / "trained", "-o", folder / "exported")
    assert done.exit_code == 0, done.output
    found = exported_folder / PART, folder / "exported" / PART
    layouts = [json.loads((one / "onnx.json").read_text())["layouts"] for one in found]
    assert layouts[0] == layouts[1] != {}
    return found


@pytest.fixture
def folder(exports, tmp_path):
    return shutil.copytree(exports[0], tmp_path / "model")


def put(export, folder):
    """As `padellm export` does."""
    with whole_folder(folder) as fresh:
        shutil.copytree(export, fresh, dirs_exist_ok=True)


def numbers(lm):
    """That all its parts have a share in."""
    ids = np.arange(12)[None]
    embedded = lm.embeddings.rows(ids)
    mask = np.tril(np.ones((1, 1, 12, 12), dtype=bool))
    feeds = {"embedded": embedded, "positions": ids.astype(np.int64), "mask": mask}
    for name in lm.body.inputs - feeds.keys():
        shape = lm.layers[int(name.rsplit("_", 1)[1])]
        size = shape.value_size if "values" in name else shape.key_size
        feeds[name] = np.zeros((1, shape.heads, 0, size), dtype=np.float32)
    (states,) = lm.body.run(["states"], feeds)
    return lm.head.logits(states, lm.head.whole)


def load(folder):
    return load_decodable(ModelSource(str(folder))).lm


STEPS = ["read_header", "Graph", "FastTokenizer", "map_tensor", "check_onnx_model"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_load_is_of_one_export(step, when, exports, folder, monkeypatch, caplog):
    """Whatever it is about to read, or has just read, when another takes the place."""
    first, second = (numbers(load(export)) for export in exports)
    assert np.abs(first - second).max() > 0.01
    done = getattr(reading, step)
    left = [exports[1]]

    def disturbed(*arguments, **options):
        if left and when == "before":
            put(left.pop(), folder)
        found = called(*arguments, **options)
        if left:
            put(left.pop(), folder)
        return found

    called = done.read if step == "FastTokenizer" else done
    if step == "FastTokenizer":
        monkeypatch.setattr(done, "read", disturbed)
    else:
        monkeypatch.setattr(reading, step, disturbed)
    assert np.array_equal(numbers(load(folder)), second)
    assert "was replaced while it was read" in caplog.text


def test_a_folder_that_is_replaced_all_the_time_is_told(exports, folder, monkeypatch):
    check = reading.check_onnx_model
    monkeypatch.setattr(
        reading, "check_onnx_model", lambda model: (put(exports[0], folder), check(model))
    )
    with pytest.raises(ValueError, match="was replaced 5 times while it was read: load it again"):
        load(folder)


def test_a_graph_of_another_export_is_told(exports, folder):
    shutil.copyfile(exports[1] / "model.onnx", folder / "model.onnx")
    with pytest.raises(ValueError, match=r"model.onnx and onnx.json beside it are of two exports"):
        load(folder)


def in_a_fork(act):
    """What it raises in a forked process, "" for nothing."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            said = ""
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writes, said.encode())
        os._exit(0)
    os.close(writes)
    with open(reads, encoding="utf8") as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


def test_another_process_reads_the_same_or_is_told(exports, folder):
    lm = load(folder)
    expected = numbers(lm)
    put(exports[0], folder)  # the same again, as saving a pipeline over its own folder does
    assert np.array_equal(numbers(pickle.loads(pickle.dumps(lm))), expected)
    assert in_a_fork(lambda: numbers(lm)) == ""
    put(exports[1], folder)
    assert np.array_equal(numbers(lm), expected)  # here, files that are open stay
    with pytest.raises(ValueError, match="was replaced by that of another export since"):
        pickle.loads(pickle.dumps(lm))
    assert "was replaced by that of another export since" in in_a_fork(lambda: numbers(lm))
    shutil.rmtree(folder)
    assert "is gone since the model was read: load the model again" in in_a_fork(
        lambda: numbers(lm)
    )


def test_what_is_saved_is_what_was_read(exports, exported_folder, tmp_path):
    shutil.copytree(exported_folder, tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    assert list(nlp.pipe(TEXTS))
    put(exports[1], tmp_path / "pipeline" / PART)
    with pytest.raises(ValueError, match="does not hold the export any more that was read"):
        nlp.to_disk(tmp_path / "saved")
    assert not (tmp_path / "saved" / PART).exists()
