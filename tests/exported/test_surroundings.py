"""What an exported model is beside: other processes, files that change, settings, little memory."""

import json
import os
import shutil
import signal
import subprocess
import sys

import onnxruntime as ort
import pytest
import spacy
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sample_pipelines import TEXTS
from spacy.util import load_config

from spacy_padellm.lm.onnx.graph import default_threads
from spacy_padellm.lm.onnx.model import OnnxModel
from spacy_padellm.models.decodable import load_decodable
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.loaded_model import ModelSource

from .commands import run, said

FORKED = """
import os, sys
import spacy
nlp = spacy.load(sys.argv[1])
nlp("Ada Lovelace went to Rome.")
child = os.fork()
if child == 0:
    if sys.argv[2] == "decodes":
        nlp("Tim Lee went to Rome.")
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def model_of(pipeline):
    return pipeline / "padellm_ner" / "model"


@pytest.fixture
def copied(exported_folder, tmp_path):
    return shutil.copytree(exported_folder, tmp_path / "copied")


@pytest.mark.parametrize("what", ["decodes", "does not"])
def test_a_forked_process_ends(what, exported_folder):
    """As that of a server which loads a pipeline and then forks its workers."""
    command = [sys.executable, "-c", FORKED, str(exported_folder), what]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        try:
            out, _ = running.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    assert out.split() == [b"7"]


@pytest.mark.parametrize(("given", "kept"), [(None, "1"), ("0", "0")])
def test_nothing_is_reported_to_anybody(given, kept):
    code = "import os, spacy_padellm.lm.onnx.graph; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: v for name, v in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert found.stdout.split() == [kept.encode()]


def test_threads_of_workers_and_in_containers(monkeypatch, tmp_path):
    share = tmp_path / "cpu.max"
    monkeypatch.setattr("spacy_padellm.lm.onnx.graph.CPU_SHARE", share)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    cores = len(os.sched_getaffinity(0))
    assert default_threads() == cores
    for written, wanted in (("max 100000", cores), ("50000 100000", 1), ("9900000 100000", cores)):
        share.write_text(written)
        assert default_threads() == wanted
    share.write_text("150000 100000")
    assert default_threads() == min(cores, 2)
    monkeypatch.setattr("multiprocessing.process.parent_process", lambda: object())
    assert default_threads() == 1


def test_weights_that_were_written_anew_are_told(copied):
    """The same numbers at other places of the file: the graph would read others."""
    path = model_of(copied) / "model.safetensors"
    save_file(load_file(path), path, {"format": "pt", "by": "another tool"})
    with pytest.raises(ValueError, match=r"model.safetensors is not the file .* export it again"):
        spacy.load(copied)("Ada")


def test_others_may_read_what_is_written(exported_folder):
    """As a container's user, who is not the owner."""
    modes = {
        path.suffix: path.stat().st_mode & 0o777 for path in model_of(exported_folder).iterdir()
    }
    assert modes[".safetensors"] == modes[".json"]


def test_a_file_that_cannot_be_read_is_named(copied, monkeypatch):
    can = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: path.suffix != ".safetensors" and can(path, mode)
    )
    with pytest.raises(ValueError, match=r"model.safetensors cannot be read: .*permissions"):
        spacy.load(copied)("Ada")


def test_a_batch_that_does_not_fit_is_halved(exported_folder, monkeypatch, caplog):
    """As onnxruntime says it, which has no class for that."""
    nlp = spacy.load(exported_folder, config={"components.padellm_ner.decoder": "rows"})
    expected = [len(doc.ents) for doc in nlp.pipe(TEXTS)]

    class Fail(Exception):
        pass

    real = ort.InferenceSession.run

    def small(self, outputs, feeds, *rest):
        if max(len(array) for array in feeds.values() if array.ndim) > 4:
            raise Fail(
                "[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested buffer"
            )
        return real(self, outputs, feeds, *rest)

    monkeypatch.setattr(ort.InferenceSession, "run", small)
    found = [len(doc.ents) for doc in nlp.pipe(TEXTS, batch_size=len(TEXTS))]
    assert found == expected and "out of memory with" in caplog.text


@pytest.mark.parametrize(
    ("precision", "given", "left_out"),
    [
        ("fp32", {"runtime": "torch", "quantize": "int8"}, "quantize, runtime"),
        ("int8", {"dtype": "float32", "device": "cpu"}, "dtype"),
        ("fp16", {"dtype": "float32", "device": "cpu"}, ""),
        ("fp32", {"dtype": "float32", "device": "cpu"}, ""),
    ],
)
def test_settings_that_ask_for_torch_are_left_out(
    precision, given, left_out, trained_folder, tmp_path
):
    source = shutil.copytree(trained_folder, tmp_path / "source")
    config = load_config(source / "config.cfg")
    config["components"]["padellm_ner"]["model"].update(given)
    config.to_disk(source / "config.cfg")
    done = run(source, "-o", tmp_path / "out", "--precision", precision)
    assert done.exit_code == 0, done.output
    assert ("Set back" in said(done)) == bool(left_out) and left_out in said(done)
    nlp = spacy.load(tmp_path / "out")
    assert isinstance(nlp.get_pipe("padellm_ner").shim.loaded.lm, OnnxModel)


def test_pointers_of_another_shape_are_told(pointing_folder, tmp_path):
    assert run(pointing_folder, "-o", tmp_path / "out").exit_code == 0
    path = model_of(tmp_path / "out") / "pointers.safetensors"
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    sizes = json.loads(about["pointers"])
    sizes["labels"].append("ROCK")
    save_file(load_file(path), path, {**about, "pointers": json.dumps(sizes)})
    described = path.with_name("onnx.json")  # as an export of an earlier version, without layouts
    said = json.loads(described.read_text())
    del said["layouts"]
    described.write_text(json.dumps(said))
    with pytest.raises(ValueError, match=r"pointers.safetensors is broken.*own.weight"):
        spacy.load(tmp_path / "out")("Ada")


def test_what_torch_would_be_needed_for_is_told(trained_folder, tmp_path, monkeypatch):
    assert run(trained_folder, "-o", tmp_path / "out", "-p", "int8").exit_code == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    source = ModelSource(str(model_of(tmp_path / "out")), hardware=Hardware(dtype="float32"))
    with pytest.raises(ValueError, match="exported in int8, which runs without: leave `dtype` out"):
        load_decodable(source)
    for wrong in (Hardware(dtype="flaot32"), Hardware("my gpu")):
        with pytest.raises(ValueError, match=r"use 'auto', '(float32|cpu)'"):
            load_decodable(ModelSource(source.name, hardware=wrong))
