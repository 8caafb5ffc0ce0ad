"""GGUF files: dequantised once, then a model as any other."""

import json
import logging
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from spacy_padellm.decoding import Decoder
from spacy_padellm.extras import has
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import merge_adapter, train_adapter
from spacy_padellm.models.files.causal import count_weights
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.make import create_model
from spacy_padellm.models.model_settings import read_base
from spacy_padellm.models.named import NamedModel
from spacy_padellm.models.place import ModelPlace, find_place
from spacy_padellm.models.prepared import gguf_file
from spacy_padellm.models.prepared import prepare as preparing
from spacy_padellm.models.prepared.prepare import CACHE_VARIABLE, cache_folder, prepare
from spacy_padellm.models.save import save_model
from spacy_padellm.models.save_mode import save_mode_for

gguf = pytest.importorskip("gguf")
if not has("gguf"):
    pytest.skip("transformers is too old for GGUF files", allow_module_level=True)
from remote.gguf_model import write_gguf  # noqa: E402

TEXTS = ["Ada Lovelace met Charles Babbage in London.", "No one."]


@pytest.fixture(scope="module")
def written(byte_tokenizer, tmp_path_factory):
    """A small Llama as a folder in bfloat16, and as a GGUF file of the same weights."""
    folder = tmp_path_factory.mktemp("gguf")
    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.3}
    model = create_model(byte_tokenizer, **sizes, **heads).to(torch.bfloat16)
    model.save_pretrained(folder / "folder")
    byte_tokenizer.save_pretrained(folder / "folder")
    write_gguf(folder / "folder", folder / "small.gguf")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(written, tmp_path):
    return Path(shutil.copy(written / "small.gguf", tmp_path / "a model.gguf"))


def answers(loaded):
    decoder = Decoder(loaded.lm, loaded.encoder(max_count=4))
    found = decoder.predict(TEXTS, ("PER", "LOC"))
    return [[(m.label, m.start, m.end, round(m.probability, 5)) for m in p.mentions] for p in found]


def test_a_gguf_file_is_the_model_that_it_was_made_of(written, file):
    made, plain = (load_model(ModelSource(str(name))) for name in (file, written / "folder"))
    state, expected = made.lm.model.state_dict(), plain.lm.model.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    for text in TEXTS:
        assert made.lm.tokenizer(text)["input_ids"] == plain.lm.tokenizer(text)["input_ids"]
    assert answers(made) == answers(plain)
    assert made.lm.config.dtype == torch.bfloat16
    assert count_weights(prepare(find_place(str(file), "base"))) == count_weights(
        find_place(str(written / "folder"), "base")
    )


def test_it_is_dequantised(byte_tokenizer, written, tmp_path):
    """Weights in blocks of 32 come out as their own library reads them."""
    quantised = tmp_path / "q8.gguf"
    reader = gguf.GGUFReader(written / "small.gguf")
    writer = gguf.GGUFWriter(quantised, "llama")
    for name, one in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            writer.add_key_value(name, one.contents(), one.types[0], *one.types[1:2])
    kind, one_name = gguf.GGMLQuantizationType.Q8_0, "blk.0.ffn_gate.weight"
    for tensor in reader.tensors:
        data = tensor.data
        if tensor.name.endswith("gate.weight"):
            data = gguf.quantize(data, kind)
            writer.add_tensor(tensor.name, data, raw_dtype=kind)
            if tensor.name == one_name:
                expected = gguf.dequantize(data, kind)
        else:
            writer.add_tensor(tensor.name, np.array(data))
    for step in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{step}_to_file")()
    writer.close()
    folder = prepare(find_place(str(quantised), "name")).folder
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = model.model.layers[0].mlp.gate_proj.weight
    assert torch.equal(found, torch.tensor(expected).to(torch.bfloat16))
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())


def test_it_is_made_once_for_one_content(file, tmp_path, cache, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "spacy_padellm")
    folder = prepare(find_place(str(file), "name")).folder
    assert folder.is_relative_to(cache) and "a model.gguf" in caplog.text
    monkeypatch.setattr(gguf_file, "dequantize", None)  # nobody calls it again
    moved = Path(shutil.copy(file, tmp_path / "a model (1).gguf"))
    assert prepare(find_place(str(file), "name")).folder == folder
    assert prepare(find_place(str(moved), "name")).folder == folder


def test_another_content_or_release_is_made_anew(file, monkeypatch):
    first = prepare(find_place(str(file), "name")).folder
    with file.open("ab") as end:
        end.write(b"\0")
    second = prepare(find_place(str(file), "name")).folder
    version = preparing.metadata.version
    monkeypatch.setattr(
        preparing.metadata, "version", lambda p: "9.9" if p == "transformers" else version(p)
    )
    third = prepare(find_place(str(file), "name")).folder
    assert len({first, second, third}) == 3


def test_a_damaged_cache_is_made_anew(file):
    folder = prepare(find_place(str(file), "name")).folder
    (folder / "model.safetensors").unlink()
    (folder / "tokenizer.json").write_text("{")
    assert load_model(ModelSource(str(file))).lm.tokenizer
    assert (folder / "model.safetensors").is_file()


def test_what_lies_beside_it_is_not_read(file):
    file.with_name("tokenizer_config.json").write_text('{"eos_token": "nonsense"')
    file.with_name("config.json").write_text("{")
    assert load_model(ModelSource(str(file))).lm.tokenizer.eos_token == "<|endoftext|>"


def test_parts_are_joined(written, tmp_path):
    data = (written / "small.gguf").read_bytes()
    parts = tuple(tmp_path / f"small.gguf.part{number}" for number in range(3))
    third = len(data) // 3
    for number, part in enumerate(parts):
        part.write_bytes(data[number * third : None if number == 2 else (number + 1) * third])
    place = ModelPlace("parted", None, named=NamedModel(parts))
    folder = prepare(place).folder
    whole = prepare(find_place(str(written / "small.gguf"), "name")).folder
    weights = [(f / "model.safetensors").read_bytes() for f in (folder, whole)]
    assert weights[0] == weights[1]
    assert not list(folder.glob("*.gguf")) and not (folder / "source").exists()


def _make_one(name, log, barrier):
    dequantize = gguf_file.dequantize

    def told(*arguments):
        with open(log, "a") as file:
            file.write("made\n")
        dequantize(*arguments)

    gguf_file.dequantize = told
    barrier.wait(60)
    folder = prepare(find_place(name, "name")).folder
    assert (folder / "model.safetensors").is_file()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_at_once_make_it_once(file, tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, log = context.Barrier(2), tmp_path / "log"
    both = [
        context.Process(target=_make_one, args=(str(file), log, barrier), daemon=True)
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert log.read_text() == "made\n"


def test_an_adapter_on_it_is_saved_with_the_name_of_the_file(file, tmp_path, cache):
    loaded = load_model(ModelSource(str(file)), alone=True)
    before = answers(loaded)
    assert save_mode_for("auto", loaded) == "reference"
    tuned = replace(loaded, lm=train_adapter(loaded.lm, AdapterSettings(rank=2)))
    with torch.no_grad():
        for name, weights in tuned.lm.model.named_parameters():
            if "lora_B" in name:
                weights.normal_(std=0.5)
    tuned.lm.model.eval()
    save_model(tuned, tmp_path / "tuned", "reference")
    assert read_base(find_place(str(tmp_path / "tuned"), "name")).name == str(file)
    said = [p.read_text() for p in (tmp_path / "tuned").glob("*.json")]
    assert not any(str(cache) in text for text in said)
    shutil.rmtree(cache)
    again = load_model(ModelSource(str(tmp_path / "tuned")))
    assert answers(again) == answers(tuned) != before
    merged = merge_adapter(again.lm)
    assert merged.adapter is None
    save_model(replace(again, lm=merged, only_here=True), tmp_path / "full", "full")
    file.unlink()
    assert load_model(ModelSource(str(tmp_path / "full"))).lm.tokenizer


def change_architecture(data):
    return data.replace(b"llama", b"nosuc")


BROKEN = {
    "another architecture": (change_architecture, "architecture that transformers does not read"),
    "cut short": (lambda data: data[:3000], "not a GGUF file that transformers can read"),
    "cut at the end": (lambda data: data[:-5000], "not a GGUF file that transformers can read"),
    "something else": (lambda data: b"PK\3\4" + data, "is not a GGUF file"),
    "empty": (lambda data: b"", "is not a GGUF file"),
    "git-lfs": (lambda data: b"version https://git-lfs", "git lfs pull"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_read_is_named(kind, file, cache):
    change, said = BROKEN[kind]
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ValueError, match=said) as error:
        load_model(ModelSource(str(file)))
    assert str(file) in str(error.value)
    assert not list(cache.rglob("model.safetensors")) and not list(cache.rglob("*.half"))


def test_what_is_missing_is_said(file, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"`name` is .*no such folder or GGUF file"):
        load_model(ModelSource(str(tmp_path / "nothing.gguf")))
    with pytest.raises(ValueError, match="GGUF file"):
        load_model(ModelSource(str(shutil.copy(file, tmp_path / "model.bin"))))
    with pytest.raises(ValueError, match=r"set `name` to .*\.gguf"):
        load_model(ModelSource(str(file.parent)))
    with pytest.raises(ValueError, match=r"`adapter`.*not an adapter"):
        load_model(ModelSource(str(file), adapter=str(file)))
    part = shutil.copy(file, tmp_path / "big-00001-of-00002.gguf")
    with pytest.raises(ValueError, match="llama-gguf-split"):
        load_model(ModelSource(str(part)))
    for alone in ("big-00001-of-00001.gguf", "a-of-0b.gguf"):
        assert prepare(find_place(str(shutil.copy(file, tmp_path / alone)), "name")).folder
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'spacy-padellm\[gguf\]'"):
        load_model(ModelSource(str(file)))


def test_a_full_disk_and_a_cache_that_cannot_be_written_are_named(file, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(ValueError, match=rf"no room on the disk.*{CACHE_VARIABLE}"):
            load_model(ModelSource(str(file)))
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "taken"))
    with pytest.raises(ValueError, match=CACHE_VARIABLE):
        load_model(ModelSource(str(file)))
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-has-this-name/cache")
    with pytest.raises(ValueError, match=rf"{CACHE_VARIABLE} is .*no such home folder"):
        cache_folder()
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert cache_folder().name == "spacy_padellm"
