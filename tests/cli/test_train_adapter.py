"""`padellm train` of an adapter."""

import re
import shutil

import pytest
import spacy
import torch
from transformers import AutoModelForCausalLM

from spacy_padellm.models import bfloat16_probe
from spacy_padellm.models.model_settings import read_base
from spacy_padellm.models.place import find_place

from .config_runs import adapter_of, farthest, tune_adapter
from .config_runs import train as train_config
from .own_data import made, train


def test_an_adapter_is_small_at_every_point(corpora, plain_lm_folder, tmp_path):
    output = tmp_path / "out"
    best = tune_adapter(corpora, plain_lm_folder, output)
    whole = (plain_lm_folder / "model.safetensors").stat().st_size
    for folder in (best / "padellm_ner" / "model", output / "checkpoints" / "checkpoint-4"):
        (adapter,) = folder.glob("*.safetensors")
        assert adapter.stat().st_size < whole / 5
    nlp = spacy.load(best)
    assert nlp.get_pipe("padellm_ner").shim.loaded.lm.adapter
    assert nlp("Ada Lovelace went to London.").text


@pytest.mark.slow
def test_dropout_goes_on_where_it_was(corpora, plain_lm_folder, tmp_path):
    tune_adapter(corpora, plain_lm_folder, tmp_path / "whole")
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", training__max_steps=2)
    torch.manual_seed(99)
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", resume=True)
    whole, cut = (adapter_of(tmp_path / name / "model-last") for name in ("whole", "cut"))
    assert farthest(whole, cut) == 0


@pytest.mark.slow
@pytest.mark.parametrize("began_fast", [True, False])
def test_a_run_goes_on_in_the_precision_it_began_in(
    began_fast, corpora, plain_lm_folder, tmp_path, monkeypatch
):
    """Whatever the timing of the processor says by then."""
    half = shutil.copytree(plain_lm_folder, tmp_path / "half")
    model = AutoModelForCausalLM.from_pretrained(half, dtype=torch.bfloat16)
    model.save_pretrained(half)
    monkeypatch.setattr(bfloat16_probe, "find_out", lambda: began_fast)
    tune_adapter(corpora, half, tmp_path / "whole")
    tune_adapter(corpora, half, tmp_path / "cut", training__max_steps=2)
    monkeypatch.setattr(bfloat16_probe, "find_out", lambda: not began_fast)
    tune_adapter(corpora, half, tmp_path / "cut", resume=True)
    whole, cut = (adapter_of(tmp_path / name / "model-last") for name in ("whole", "cut"))
    assert farthest(whole, cut) == 0


@pytest.mark.slow
def test_an_adapter_that_is_given_is_resumed_in_the_same_process(
    corpora, plain_lm_folder, tmp_path
):
    tune_adapter(corpora, plain_lm_folder, tmp_path / "first")
    adapter = str(tmp_path / "first" / "model-last" / "padellm_ner" / "model")
    on = {"components__padellm_ner__model__adapter": adapter}
    for name, steps in (("whole", 4), ("cut", 2)):
        tune_adapter(corpora, plain_lm_folder, tmp_path / name, training__max_steps=steps, **on)
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", resume=True, **on)
    whole, cut = (adapter_of(tmp_path / name / "model-last") for name in ("whole", "cut"))
    assert farthest(whole, cut) == 0
    assert farthest(whole, adapter_of(tmp_path / "first" / "model-last")) > 0


def test_the_adapter_of_a_base_is_trained_on(corpora, plain_lm_folder, data, tmp_path):
    """As whoever tunes a published adapter, or what was tuned before, on texts of their own."""
    first = tune_adapter(corpora, plain_lm_folder, tmp_path / "first") / "padellm_ner" / "model"
    config, said = made(data, base=str(first))
    assert any("continuing to train its adapter" in line for line in said)
    model = config["components"]["padellm_ner"]["model"]
    assert model["peft"] is None and config["training"]["batcher"]["size"] == 400
    status, said = train(
        data,
        "-o",
        tmp_path / "on",
        "--base",
        first,
        "--training.optimizer.learn_rate.total_steps",
        "2",
    )
    assert status == 0, said
    before, after = (adapter_of(tmp_path / name / "model-best") for name in ("first", "on"))
    assert before.keys() == after.keys() and farthest(before, after) > 0
    saved = read_base(find_place(str(tmp_path / "on/model-best/padellm_ner/model"), "name"))
    assert saved.name == str(plain_lm_folder)


@pytest.mark.parametrize("saves", [True, False])
def test_a_run_that_takes_much_memory_says_what_takes_less(
    saves, corpora, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("spacy_padellm.training.from_config.step_memory.MUCH", 0.5e9)
    train_config(
        corpora, tmp_path / "run", {"gradient_checkpointing": saves}, training__max_steps=3
    )
    said = [record.getMessage() for record in caplog.records if "memory" in record.getMessage()]
    assert len(said) == (not saves)
    assert saves or re.match(r"a step takes about 0\.\d GB of memory: --grad.* 0\.\d GB", said[0])
