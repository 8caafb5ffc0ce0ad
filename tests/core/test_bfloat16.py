"""A checkpoint in 16 bits on a CPU: its dtype where the processor is faster in that."""

import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from spacy_padellm.models import bfloat16_probe
from spacy_padellm.models.devices import find_dtype
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.mixed_precision import is_fast_in_bfloat16

CAN = {"architecture": "x86_64", "avx512_bf16": True}


@pytest.fixture
def probe(monkeypatch):
    """Sets what the processor says of itself, and how many times as fast it proves to be."""

    def put(capabilities, gain):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        monkeypatch.setattr(bfloat16_probe, "probe_gain", lambda: gain)
        bfloat16_probe.find_out.cache_clear()

    yield put
    bfloat16_probe.find_out.cache_clear()


@pytest.mark.parametrize(
    ("capabilities", "gain", "dtype"),
    [
        (CAN, 2.5, torch.bfloat16),
        (CAN, 1.0, torch.float32),
        ({"architecture": "x86_64", "avx512_f": True}, 9.0, torch.float32),  # it is not tried
        ({"architecture": "aarch64"}, 2.5, torch.bfloat16),
        ({}, 0.1, torch.float32),
    ],
)
def test_a_checkpoint_in_16_bits_stays_so_where_that_is_fast(
    capabilities, gain, dtype, probe, plain_lm_folder, tmp_path
):
    probe(capabilities, gain)
    folder = tmp_path / "half"
    shutil.copytree(plain_lm_folder, folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    assert load_model(ModelSource(str(folder))).lm.model.dtype == dtype
    assert load_model(ModelSource(str(plain_lm_folder))).lm.model.dtype == torch.float32


@pytest.mark.parametrize("taken", [True, False])
def test_a_training_that_goes_on_keeps_what_it_has_taken_the_cpu_for(taken, probe):
    probe(CAN, 1.0 if taken else 9.0)
    with bfloat16_probe.taken_for_fast(taken):
        assert find_dtype("auto", torch.device("cpu"), "bfloat16") == (
            torch.bfloat16 if taken else torch.float32
        )
        assert is_fast_in_bfloat16(torch.device("cpu")) is taken
    assert is_fast_in_bfloat16(torch.device("cpu")) is not taken


@pytest.mark.parametrize("gain", [0.4, 1.0, 2.5])
def test_neither_a_slow_beginning_nor_other_processes_change_what_is_found(gain, monkeypatch):
    """Of 11 products of each kind, the first two prepare, and three come when others are busy."""
    now, calls = 0.0, {torch.float32: 0, torch.bfloat16: 0}

    def linear(states, weights):
        nonlocal now
        calls[states.dtype] += 1
        number = calls[states.dtype]
        seconds = 0.001 * (gain if states.dtype == torch.float32 else 1.0)
        disturbed = {5: torch.float32, 7: torch.bfloat16, 9: torch.bfloat16}
        if disturbed.get(number) == states.dtype:
            seconds *= 9
        if number <= 2 and states.dtype == torch.bfloat16:
            seconds *= 50
        now += seconds * (1 + number / 3)  # the processor gets slower and slower

    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    monkeypatch.setattr(bfloat16_probe.time, "perf_counter", lambda: now)
    assert bfloat16_probe.probe_gain() == pytest.approx(gain)
