"""Tiny random models of real architectures."""

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.selfcheck import check_language_model

LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
WINDOWED = {**LLAMA, "sliding_window": 8}
FAMILIES = {
    "llama": ("llama", LLAMA),
    "qwen3": ("qwen3", LLAMA),
    "mistral_window": ("mistral", WINDOWED),
    "gemma2": ("gemma2", WINDOWED),
    "gemma3": ("gemma3_text", WINDOWED),
    "phi3": ("phi3", WINDOWED),
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4}),
}
FALLBACKS = {
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "mamba": ("mamba", {"hidden_size": 32, "num_hidden_layers": 2}),
    "gpt_neo": (
        "gpt_neo",
        {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "window_size": 4}
        | {"attention_types": [[["global", "local"], 1]]},
    ),
}
TEXTS = ["Ada Lovelace met Charles Babbage in London on 5 May 1833.", "No one.", "a b c d e f g"]
LABELS = ["PER", "LOC", "WORK"]


def make(name, tokenizer, attention=None):
    kind, sizes = {**FAMILIES, **FALLBACKS}[name]
    torch.manual_seed(3)
    config = CONFIG_MAPPING[kind](vocab_size=len(tokenizer), pad_token_id=0, **sizes)
    options = {"attn_implementation": attention} if attention else {}
    model = AutoModelForCausalLM.from_config(config, **options).eval()
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.3)
    return check_language_model(LanguageModel(model, tokenizer, name=name))
