"""`--precision int8` of models that it is not for: too large, or too much changed by it;
and the files of others."""

from pathlib import Path

import pytest
import torch
from core.families import LLAMA, make
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from spacy_padellm.formats.json_records import write_records
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.selfcheck import check_language_model
from spacy_padellm.models.decodable import load_decodable
from spacy_padellm.models.exported import probing, rounded_model, serialized, write
from spacy_padellm.models.files.rounded import is_rounded
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import get_template

from .commands import run, said
from .test_families import made, with_pointers
from .test_rounded import large_inside


def saved(lm: LanguageModel, folder: Path) -> Path:
    settings = ModelSettings(get_template("compact"), ("PER", "LOC"), max_count=5)
    save_model(LoadedModel(lm, settings), folder, "full")
    return folder


def deep(tokenizer, n_layers):
    """An untrained model, each of whose layers adds to what 8 bits have moved before it."""
    torch.manual_seed(3)
    sizes = {**LLAMA, "num_hidden_layers": n_layers}
    config = CONFIG_MAPPING["llama"](vocab_size=len(tokenizer), pad_token_id=0, **sizes)
    model = AutoModelForCausalLM.from_config(config).eval()
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=1.0)
    return check_language_model(LanguageModel(model, tokenizer, name="deep"))


def test_a_model_that_8_bits_change_too_much_is_told(compact_tokenizer, tmp_path):
    source = saved(deep(compact_tokenizer, 12), tmp_path / "model")
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 1
    assert "in 8 bits this model gives other numbers: on 6 texts" in said(done)
    assert "standard deviations off, and 0.25 is the most" in said(done)
    assert "Give --precision fp32, or, if the model was not trained yet, train it" in said(done)
    assert "copy the folder" not in said(done) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
def test_the_folder_is_in_8_bits_too(name, compact_tokenizer, tmp_path):
    """A model in floats is stored once, in 8 bits; torch reads the same numbers there."""
    source = saved(with_pointers(made(name, compact_tokenizer)), tmp_path / "model")
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 0, done.output
    weights, before = (folder / "model.safetensors" for folder in (tmp_path / "out", source))
    assert is_rounded(weights) and not is_rounded(before)
    assert weights.stat().st_size < 0.5 * before.stat().st_size
    assert not [name for name in large_inside(tmp_path / "out" / "model.onnx") if "Q8" not in name]
    kept, pointers = (
        load_file(folder / "pointers.safetensors") for folder in (tmp_path / "out", source)
    )
    assert kept.keys() == pointers.keys()
    assert all(bool((kept[key] == pointers[key]).all()) for key in pointers)
    on_torch = load_model(ModelSource(str(tmp_path / "out"), hardware=Hardware(runtime="torch")))
    wanted = load_model(ModelSource(str(source)))
    names = dict(wanted.lm.model.named_parameters())
    for key, weight in on_torch.lm.model.named_parameters():
        step = names[key].abs().amax() / 127
        assert (weight - names[key]).abs().max() <= step
        assert weight.ndim == 2 or bool((weight == names[key]).all())
    assert on_torch.settings == wanted.settings
    again = run(tmp_path / "out", "-o", tmp_path / "whole", "-p", "fp32")
    assert again.exit_code == 0, again.output  # the files in 8 bits stay
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == weights.read_bytes()


def test_a_model_whose_weights_do_not_fit_8_bits_is_told(compact_tokenizer, tmp_path):
    """What a matrix multiplies up, a norm has turned down: of its rows the rest gets few steps."""
    lm = make("llama", compact_tokenizer)
    with torch.no_grad():
        for layer in lm.model.model.layers:
            heads, gates = layer.self_attn, layer.mlp
            for norm, matrices in (
                (layer.input_layernorm, (heads.q_proj, heads.k_proj, heads.v_proj)),
                (layer.post_attention_layernorm, (gates.gate_proj, gates.up_proj)),
            ):
                norm.weight[0] = 0.002
                for matrix in matrices:
                    matrix.weight[:, 0] *= 300
    source = saved(lm, tmp_path / "model")
    assert run(source, "-o", tmp_path / "whole", "-p", "fp32").exit_code == 0
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert "in 8 bits this model gives other numbers" in said(done)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_long_texts_are_cut(precision, compact_tokenizer, tmp_path):
    """To what the model reads at once; the component reads them in windows."""
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    write_records(tmp_path / "long.jsonl", [{"text": n * "Ada met Tim. ", "ents": []}
                                            for n in (1, 400, 3)])  # fmt: skip
    words = ("-o", tmp_path / "out", "-p", precision, "--corpus", tmp_path / "long.jsonl")
    done = run(source, *words)
    assert done.exit_code == 0, done.output
    assert ("Fitted to 3 texts, and compared on the same" in said(done)) == (precision == "int8")


def test_8_bits_are_compared_on_other_texts(compact_tokenizer, tmp_path):
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert "Fitted to 6 texts, and compared on others" in said(done) and "texts 6" in said(done)


def test_a_folder_is_not_exported_into_itself(compact_tokenizer, tmp_path):
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    for output in (source, source / "exported"):
        done = run(source, "-o", output)
        assert done.exit_code == 1 and "give a folder elsewhere (--output)" in said(done)
    assert not (source / "exported").exists()


def test_a_full_disk_is_told(compact_tokenizer, tmp_path, monkeypatch):
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")

    def full(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("spacy_padellm.models.exported.rounded_model.write_rounded", full)
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert "cannot be written: I/O error: No space left on device" in said(done)


def test_so_it_is_where_only_its_trees_show_it(compact_tokenizer, tmp_path, monkeypatch):
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    assert run(source, "-o", tmp_path / "out", "-p", "int8").exit_code == 0
    monkeypatch.setattr("spacy_padellm.lm.onnx.model.ROUNDED_TOLERANCE", 0.001)
    with pytest.raises(
        ValueError, match=r"by 0\.\d+ standard deviations, and 0.001 is the most"
    ) as e:
        load_decodable(ModelSource(str(tmp_path / "out")))
    assert str(e.value).startswith(str(tmp_path / "out" / "model.onnx"))
    assert "export it with --precision fp32" in str(e.value) and "copy" not in str(e.value)


def test_a_model_too_large_for_8_bits_is_told_at_once(compact_tokenizer, tmp_path, monkeypatch):
    """As one of more than 2 GB. Graphs in floats only name their weights, and may be of any."""
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    monkeypatch.setattr(probing, "MOST_ROUNDED", 60_000)
    monkeypatch.setattr(serialized, "MOST_BYTES", 60_000)
    assert run(source, "-o", tmp_path / "whole", "-p", "fp32").exit_code == 0
    for module in (write, rounded_model):
        monkeypatch.setattr(module, "save_model", None)  # nothing is written
    done = run(source, "-o", tmp_path / "out", "-p", "int8")
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert "GB of weights in float32 beside its embeddings and head" in said(done)
    assert "give --precision fp32 or fp16" in said(done)


def test_weights_that_a_graph_cannot_hold_are_told(compact_tokenizer, tmp_path, monkeypatch):
    source = saved(make("llama", compact_tokenizer), tmp_path / "model")
    monkeypatch.setattr(serialized, "MOST_BYTES", 100)  # norms are in the graph itself
    done = run(source, "-o", tmp_path / "out")
    assert done.exit_code == 1 and "are in none of its files as they are in the graph" in said(done)
