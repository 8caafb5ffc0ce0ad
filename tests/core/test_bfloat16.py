"""A checkpoint in 16 bits on a CPU: its dtype where the processor is faster in that."""

import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from spacy_padellm.models import bfloat16_probe
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource

CAN = {"architecture": "x86_64", "avx512_bf16": True}


@pytest.fixture
def probe(monkeypatch):
    """Sets what the processor says of itself, and how many times as fast it proves to be."""

    def put(capabilities, gain):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
        monkeypatch.setattr(bfloat16_probe, "probe_gain", lambda: gain)
        bfloat16_probe.is_cpu_fast_in_bfloat16.cache_clear()

    yield put
    bfloat16_probe.is_cpu_fast_in_bfloat16.cache_clear()


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


def test_the_probe_measures_both():
    assert bfloat16_probe.probe_gain() > 0
