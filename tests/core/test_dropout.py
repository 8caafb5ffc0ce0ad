"""Dropout while a model trains, whichever way its architecture has it."""

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from spacy_padellm.lm.dropout import residual_dropout

SIZES = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, intermediate_size=32)),
    "bert": lambda: BertLMHeadModel(BertConfig(**SIZES, intermediate_size=32, is_decoder=True)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=20, n_embd=16, n_layer=2, n_head=2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_drops_what_it_is_told_and_no_more(name):
    decoder = MODELS[name]().get_decoder().train()
    before = [module.p for module in decoder.modules() if isinstance(module, nn.Dropout)]
    ids = torch.tensor([[1, 2, 3, 4]])

    def read(drop):
        with torch.no_grad(), residual_dropout(decoder, drop):
            return decoder(input_ids=ids, use_cache=False).last_hidden_state

    assert torch.equal(read(0.0), read(0.0))
    assert not torch.equal(read(0.3), read(0.3))
    assert before == [module.p for module in decoder.modules() if isinstance(module, nn.Dropout)]
