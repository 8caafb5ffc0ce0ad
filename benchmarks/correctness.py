"""Tree against rows on tiny models of every family, on the device and in the dtypes at hand.

    python benchmarks/correctness.py [--device cuda]

Prints the largest difference of logits, in their standard deviations, and how many mentions differ
between trees, rows, fixed shapes and compiled passes. Needs neither spaCy nor data.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.lm.selfcheck import check_language_model, tree_difference
from spacy_padellm.models.make import train_tokenizer
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
WINDOWED = {**SIZES, "sliding_window": 8}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", SIZES),
    "qwen3": ("qwen3", SIZES),
    "mistral": ("mistral", WINDOWED),
    "gemma2": ("gemma2", WINDOWED),
    "gemma3": ("gemma3_text", WINDOWED),
    "phi3": ("phi3", WINDOWED),
    "gpt2": ("gpt2", {"n_embd": 64, "n_layer": 2, "n_head": 4}),
}
TEXTS = ["Ada Lovelace met Charles Babbage in London on 5 May 1833.", "No one.", "a b c d e f g"]
LABELS = ("PER", "LOC", "WORK")


def make(family: str, tokenizer: Any, device: str, dtype: torch.dtype) -> LanguageModel:
    kind, sizes = FAMILIES[family]
    torch.manual_seed(3)
    config = CONFIG_MAPPING[kind](vocab_size=len(tokenizer), pad_token_id=0, **sizes)
    model = (
        AutoModelForCausalLM.from_config(config, trust_remote_code=False).to(device, dtype).eval()
    )
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.2)
    return check_language_model(LanguageModel(model, tokenizer, family))


def decode(lm: LanguageModel, method: str) -> list[set[tuple[str, int, int]]]:
    encoder = PromptEncoder(lm.tokenizer, get_template("compact", copies=True), max_count=5)
    decoder = Decoder(lm, encoder, DecodingSettings(method, max_mention_tokens=6))
    return [
        {(m.label, m.start or 0, m.end or 0) for m in prediction.mentions}
        for prediction in decoder.predict(TEXTS, LABELS)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/correctness"))
    arguments = parser.parse_args()
    tokenizer = train_tokenizer(TEXTS * 20, 600, LABELS)
    rows = []
    for family in FAMILIES:
        for dtype in (torch.float32, torch.bfloat16):
            lm = make(family, tokenizer, arguments.device, dtype)
            row = {"family": family, "dtype": str(dtype)[6:], "tree": lm.tree}
            row["difference"] = round(tree_difference(lm), 6)
            expected = decode(lm, "tree")
            row["mentions"] = sum(map(len, expected))
            found = {"rows": decode(lm, "rows")}
            for name, compiled in (("fixed", False), ("compiled", True)):
                lm.compile(compiled)
                decode(lm, "tree")
                found[name] = decode(lm, "tree")
            row["graphs"] = len(lm.static.shapes) if lm.static and lm.static.compiled else 0
            for name, others in found.items():
                row[name] = sum(len(a ^ b) for a, b in zip(expected, others, strict=True))
            rows.append(row)
            print(row, flush=True)
    device = torch.cuda.get_device_name() if arguments.device == "cuda" else arguments.device
    about = {"device": device, "torch": torch.__version__, "date": time.strftime("%Y-%m-%d")}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**about, "rows": rows}, indent=1) + "\n"
    arguments.output.with_suffix(".json").write_text(text, encoding="utf8")


if __name__ == "__main__":
    main()
