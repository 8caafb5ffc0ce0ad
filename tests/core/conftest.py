from dataclasses import replace

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.make import create_model, train_tokenizer
from spacy_padellm.models.save import save_model

CORPUS = [
    "Ada Lovelace met Charles Babbage in London on 5 May 1833.",
    "text:\nentity type:\nPER\n\n<num>12\n<mention 1>",
    "文本:\n小明在北京工作。\n指定NER标签:\n人名\n\n<数量>2\n<第1文段>",
    "0 1 2 3 4 5 6 7 8 9 0123456789",
    "Text: one Entity type: two Number of mentions: 3 Mention 10:",
] * 20


@pytest.fixture(scope="session")
def compact_tokenizer():
    return train_tokenizer(CORPUS, 600, ("PER", "LOC"))


@pytest.fixture(scope="session")
def byte_tokenizer():
    """As GPT-2 and Qwen have it: byte-level BPE, an added token that is not special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")
    fast.add_tokens([AddedToken("<tool_call>", special=False)])
    return fast


@pytest.fixture(scope="session")
def sentencepiece_tokenizer():
    """As Llama 2 has it: ▁ for blanks, a BOS in front, bytes for what is unknown."""
    special = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{i:02X}>" for i in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=700,
        special_tokens=[*special, *byte_tokens],
        show_progress=False,
        max_token_length=8,
    )
    tokenizer.train_from_iterator([part for line in CORPUS for part in line.split(" ")], trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


@pytest.fixture(scope="session")
def compact_model(compact_tokenizer):
    torch.manual_seed(1)
    return create_model(
        compact_tokenizer,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        initializer_range=0.3,
    ).eval()


@pytest.fixture(scope="module")
def folders(lm_folder, tmp_path_factory):
    """A model in a folder, and an adapter for it in another."""
    tuned = tmp_path_factory.mktemp("tuned") / "adapter"
    loaded = load_model(ModelSource(str(lm_folder)), alone=True)
    tuned_lm = train_adapter(loaded.lm, AdapterSettings(rank=2))
    save_model(replace(loaded, lm=tuned_lm), tuned, "reference")
    return lm_folder, tuned


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place") / "model"
