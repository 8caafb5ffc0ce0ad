"""Only some places and ids are read from the output head; what is read is as if all were."""

import copy

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from spacy_padellm.lm.language_model import LanguageModel

from .test_families import FALLBACKS, FAMILIES, make


def read(lm, choices):
    ids = torch.arange(5, 17).reshape(2, 6)
    rows, columns = np.array([1, 0, 1]), np.array([5, 2, 0])
    with torch.no_grad():
        return lm.forward({"input_ids": ids}, None, rows, columns, choices)


@pytest.mark.parametrize("name", [*FAMILIES, *FALLBACKS])
def test_few_ids_have_the_logits_they_have_among_all(name, compact_tokenizer):
    lm = make(name, compact_tokenizer)
    choices = np.array([3, 7, 200, 401])
    whole = read(lm, None)
    assert whole.shape == (3, len(compact_tokenizer))
    torch.testing.assert_close(read(lm, choices), whole[:, choices])
    plain = lm.model(torch.arange(5, 17).reshape(2, 6)).logits
    torch.testing.assert_close(whole, plain[[1, 0, 1], [5, 2, 0]].detach())


@pytest.mark.parametrize(
    "settings", [{"target_modules": ["lm_head"]}, {"modules_to_save": ["lm_head"]}]
)
def test_an_adapted_head_is_read_with_its_adapter(settings, compact_tokenizer):
    base = make("llama", compact_tokenizer).model
    adapted = get_peft_model(
        copy.deepcopy(base), LoraConfig(r=2, init_lora_weights=False, **settings)
    )
    for name, weight in adapted.named_parameters():
        if "modules_to_save" in name:
            torch.nn.init.normal_(weight.data)
    lm = LanguageModel(adapted.eval(), compact_tokenizer, adapter="default")
    choices = np.array([3, 7, 200])
    assert not torch.allclose(read(lm, None), read(LanguageModel(base, compact_tokenizer), None))
    torch.testing.assert_close(read(lm, choices), read(lm, None)[:, choices])
