"""Models whose files are in 8 bits: exported, these stay as they are, and are stored once."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import spacy
from core.families import LABELS, TEXTS
from onnx import TensorProto
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sample_pipelines import make_examples, spans_of
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_padellm import cli  # noqa: F401 - registers the commands
from spacy_padellm.lm.onnx.graph import session_options
from spacy_padellm.lm.onnx.model import OnnxModel
from spacy_padellm.lm.session import AskedLabels
from spacy_padellm.models.exported.description import read_description
from spacy_padellm.models.exported.read import read_exported
from spacy_padellm.models.exported.write import write_exported
from spacy_padellm.models.files.header import read_header
from spacy_padellm.models.files.rounded import is_rounded, read_rounded, write_rounded
from spacy_padellm.models.files.tensors import find_weights
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.place import find_place
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

from .test_families import answers, made, with_pointers

SENTENCES = ["Ada Lovelace lives in Paris.", "In Rome we met Tim Lee.", "", "Nobody came."]
MODEL = "padellm_ner/model"
LARGE = 1024  # numbers of a tensor


def round_files(folder: Path) -> Path:
    """Puts a model's weights in 8 bits."""
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        write_rounded(load_file(path), path, metadata)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def large_inside(path: Path) -> list[str]:
    """Tensors in an ONNX file itself, of those that are worth a range of bytes elsewhere."""
    graph = onnx.load(path, load_external_data=False).graph
    constants = [a.t for node in graph.node for a in node.attribute if node.op_type == "Constant"]
    return [
        tensor.name
        for tensor in (*graph.initializer, *constants)
        if tensor.data_location != TensorProto.EXTERNAL and np.prod(tensor.dims) >= LARGE
    ]


def folded(path: Path, temporary: Path) -> onnx.GraphProto:
    """The graph as onnxruntime runs it."""
    options = session_options()
    options.optimized_model_filepath = str(temporary / "folded.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return onnx.load(temporary / "folded.onnx", load_external_data=False).graph


def run(*arguments):
    return CliRunner().invoke(app, ["padellm", "export", *map(str, arguments)])


def entities(nlp, digits=3):
    return [
        [(ent.text, ent.label_, round(ent._.padellm_score, digits)) for ent in doc.ents]
        for doc in nlp.pipe(SENTENCES)
    ]


@pytest.fixture(scope="module")
def rounded(trained_folder, pointing_folder, tmp_path_factory) -> dict[str, Path]:
    """Pipelines: one writes mentions, the other points."""
    found = {}
    for kind, folder in (("writes", trained_folder), ("points", pointing_folder)):
        found[kind] = tmp_path_factory.mktemp("rounded") / kind
        shutil.copytree(folder, found[kind])
        round_files(found[kind] / MODEL)
    return found


@pytest.fixture(scope="module")
def exported(rounded, tmp_path_factory) -> dict[str, Path]:
    found = {kind: tmp_path_factory.mktemp("exported") / kind for kind in rounded}
    for kind, folder in rounded.items():
        done = run(folder, "-o", found[kind])
        assert done.exit_code == 0, done.output
        assert "found by only one of the two 0" in " ".join(done.output.split())
    return found


@pytest.mark.parametrize("kind", ["writes", "points"])
def test_files_stay_as_they_are_and_are_stored_once(kind, rounded, exported, tmp_path):
    model = exported[kind] / MODEL
    assert files_of(model) == files_of(rounded[kind] / MODEL)
    assert all(is_rounded(path) for path in model.glob("*.safetensors"))
    graphs = sorted(model.glob("*.onnx"))
    assert len(graphs) == (2 if kind == "points" else 1)
    for path in graphs:
        assert not large_inside(path)
        # Floats are made of 8 bits when the graph is read, not in each pass.
        assert not [
            t for t in folded(path, tmp_path).initializer if t.data_type == TensorProto.INT8
        ]
    nlp, on_torch = spacy.load(exported[kind]), spacy.load(rounded[kind])
    assert isinstance(nlp.get_pipe("padellm_ner").shim.loaded.lm, OnnxModel)
    assert entities(nlp) == entities(on_torch) and any(entities(nlp))


@pytest.mark.parametrize("kind", ["writes", "points"])
def test_they_stay_so_until_weights_change(kind, exported, tmp_path):
    files = files_of(exported[kind] / MODEL)
    nlp = spacy.load(exported[kind])
    nlp.to_disk(tmp_path / "again")
    again = spacy.blank("en").from_config(nlp.config)
    again.from_bytes(nlp.to_bytes())
    again.to_disk(tmp_path / "from_bytes")
    changed = {"components.padellm_ner.model.runtime": "torch"}
    on_torch = spacy.load(tmp_path / "again", config=changed)
    on_torch.to_disk(tmp_path / "torch")
    for name in ("again", "from_bytes", "torch"):
        assert files_of(tmp_path / name / MODEL) == files
        assert (tmp_path / name / MODEL / "model.onnx").exists() == (name != "torch")
    assert entities(again) == entities(nlp)
    sgd = on_torch.resume_training()
    sgd.learn_rate = 0.01
    on_torch.update(make_examples(on_torch, 4), sgd=sgd)
    on_torch.to_disk(tmp_path / "torch")  # over what it was read from
    trained = files_of(tmp_path / "torch" / MODEL)
    assert trained.keys() == files.keys()
    assert not any(is_rounded(tmp_path / "torch" / MODEL / name) for name in trained)
    expected = [spans_of(doc) for doc in on_torch.pipe(SENTENCES)]
    assert [spans_of(doc) for doc in spacy.load(tmp_path / "torch").pipe(SENTENCES)] == expected


# What is None there cannot be imported.
WITHOUT_TORCH = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "peft", "accelerate", "onnx")))
import spacy
*folders, output = sys.argv[2:]
for folder in folders:
    nlp = spacy.load(folder)
    docs = nlp.pipe(eval(sys.argv[1]))
    print([[(e.text, e.label_, round(e._.padellm_score, 3)) for e in d.ents] for d in docs])
nlp.to_disk(output)
"""


def test_annotating_needs_no_torch(exported, tmp_path):
    folders = [exported["writes"], exported["points"], tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, repr(SENTENCES), *map(str, folders)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = [ast.literal_eval(line) for line in done.stdout.splitlines()]
    assert found == [entities(spacy.load(folder)) for folder in folders[:2]]
    assert files_of(tmp_path / "out" / MODEL) == files_of(exported["points"] / MODEL)


def test_16_bits_would_be_more(rounded, tmp_path):
    done = run(rounded["points"], "-o", tmp_path / "out", "-p", "fp16")
    assert done.exit_code == 1 and "give --precision fp32" in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def exported_lm(folder: Path, output: Path, precision: str):
    write_exported(load_model(ModelSource(str(folder))), output, precision)
    place = find_place(str(output), "name")
    return read_exported(place, read_description(place), "model")


@pytest.fixture(params=["llama", "gpt2", "bert"])
def family(request, compact_tokenizer, tmp_path):
    """A model's folder in 8 bits, and one of the same weights in floats."""
    lm = with_pointers(made(request.param, compact_tokenizer))
    settings = ModelSettings(get_template("compact"), tuple(LABELS), max_count=5)
    save_model(LoadedModel(lm, settings), tmp_path / "rounded", "full")
    round_files(tmp_path / "rounded")
    shutil.copytree(tmp_path / "rounded", tmp_path / "floats")
    for path in (tmp_path / "floats").glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            metadata = {k: v for k, v in file.metadata().items() if k != "rounded"}
        save_file(read_rounded(path), path, metadata)
    return tmp_path / "rounded", tmp_path / "floats"


def pointed(lm):
    encoder = PromptEncoder(lm.tokenizer, get_template("compact"), max_count=5)
    asked = AskedLabels(tuple(LABELS), tuple(map(encoder.label_ids, LABELS)))
    prompts = [encoder.prompt(text, LABELS) for text in TEXTS]
    return np.concatenate([np.asarray(a) for a in lm.point_at(prompts, asked, True)])


def test_families_point_as_on_torch(family, tmp_path):
    onnx_model = exported_lm(family[0], tmp_path / "out", "fp32")
    lm = load_model(ModelSource(str(family[0]))).lm
    np.testing.assert_allclose(pointed(onnx_model), pointed(lm), atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_families_write_as_on_torch(name, compact_tokenizer, tmp_path):
    """With a head, which is the embeddings or a matrix of its own."""
    settings = ModelSettings(get_template("compact"), tuple(LABELS), max_count=5)
    loaded = LoadedModel(made(name, compact_tokenizer), settings)
    save_model(loaded, tmp_path / "rounded", "full")
    round_files(tmp_path / "rounded")
    onnx_model = exported_lm(tmp_path / "rounded", tmp_path / "out", "fp32")
    lm = load_model(ModelSource(str(tmp_path / "rounded"))).lm
    for method in ("tree", "rows"):
        found, probabilities = answers(onnx_model, method, True)
        expected, wanted = answers(lm, method, True)
        assert found == expected
        assert probabilities == pytest.approx(wanted, abs=1e-4)


def test_products_in_8_bits_are_made_of_the_same_files(family, tmp_path):
    in_8_bits, in_floats = family
    found = exported_lm(in_8_bits, tmp_path / "out", "int8")
    wanted = exported_lm(in_floats, tmp_path / "wanted", "int8")
    assert files_of(tmp_path / "out") == files_of(in_8_bits)
    difference = np.abs(pointed(found) - pointed(wanted))
    assert difference.mean() < 0.01
    path = tmp_path / "out" / "model.onnx"
    assert {"QuantizeLinear", "MatMulInteger"} <= {n.op_type for n in onnx.load(path).graph.node}
    assert "QuantizeLinear" not in {n.op_type for n in folded(path, tmp_path).node}


def test_blocks_in_8_bits_are_made_of_the_same_files(rounded, tmp_path):
    """Whose inputs are as many as a block has."""
    done = run(rounded["points"], "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 0, done.output
    model = tmp_path / "out" / MODEL
    assert files_of(model) == files_of(rounded["points"] / MODEL)
    assert not large_inside(model / "model.onnx") and not large_inside(model / "words.onnx")
    operators = {node.op_type for node in folded(model / "model.onnx", tmp_path).node}
    assert "MatMulNBits" in operators and "QuantizeLinear" not in operators
    nlp, on_torch = spacy.load(tmp_path / "out"), spacy.load(rounded["points"])
    texts = [nlp.make_doc(text).text for text in SENTENCES]
    assert [doc.text for doc in nlp.pipe(texts)] == texts
    found, wanted = entities(nlp), entities(on_torch)
    assert sum(len(doc) for doc in found) == pytest.approx(sum(map(len, wanted)), abs=1)


def test_torch_reads_the_same_numbers(rounded, tmp_path):
    """What a graph is compared with: weights of the rounded files, to the last bit."""
    path = rounded["points"] / MODEL / "model.safetensors"
    read = read_rounded(path)
    found = find_weights(read_header(path))
    assert found.keys() == read.keys()
    for name, weight in found.items():
        assert np.array_equal(weight.floats(), read[name].numpy())
    weights = load_file(path)
    name = next(name for name in weights if name.endswith(".scale"))
    del weights[name]
    save_file(weights, tmp_path / "broken.safetensors")
    with pytest.raises(ValueError, match="has no scale for each of its rows"):
        find_weights(read_header(tmp_path / "broken.safetensors"))[
            name.removesuffix(".scale")
        ].floats()
