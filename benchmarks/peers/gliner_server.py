"""The other process: a random GLiNER of like size. A JSON line in, one out; without spaCy."""

import json
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from gliner import GLiNERConfig
from gliner.model import UniEncoderSpanGLiNER
from tokenizers import pre_tokenizers
from transformers import PreTrainedTokenizerFast

LABELS = ("PER", "ORG", "LOC")

MODEL = Path(__file__).parents[2] / "spacy_padellm" / "models" / "english"
ENCODER = {  # of the kind in GLiNER's models; with its head as many weights as the model in the box
    "model_type": "deberta-v2",
    "hidden_size": 192,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 512,
    "relative_attention": True,
    "position_buckets": 256,
    "max_relative_positions": -1,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "type_vocab_size": 0,
    "pad_token_id": 0,
}


def serve_gliner() -> None:
    """The other process: answers questions until there are none."""
    questions, answers = sys.stdin, sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    asked = json.loads(questions.readline())
    torch.set_num_threads(asked["threads"])
    model = make_gliner()
    texts = asked["texts"]
    threshold = find_threshold(model, texts, asked["mentions"])
    about = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "threshold": round(threshold, 4),
        "threads": torch.get_num_threads(),
        **{name: version(name) for name in ("gliner", "torch", "transformers")},
    }
    print(json.dumps(about), file=answers, flush=True)
    for line in questions:
        question = json.loads(line)
        run = run_gliner(model, texts[: question["n"]], question["size"], threshold)
        print(json.dumps(run), file=answers, flush=True)


def make_gliner() -> Any:
    """A random model with the tokenizer of the model in the box, words split as usual."""
    torch.manual_seed(0)
    end = "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(MODEL / "tokenizer.json"), pad_token=end, unk_token=end
    )
    # Words come one by one: each begins as it does behind a space.
    split = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.backend_tokenizer.pre_tokenizer = split
    tokenizer.add_tokens(["<<ENT>>", "<<SEP>>"], special_tokens=True)
    config = GLiNERConfig(
        model_name="random",
        encoder_config={**ENCODER, "vocab_size": len(tokenizer)},
        hidden_size=ENCODER["hidden_size"],
    )
    model = UniEncoderSpanGLiNER(config, tokenizer=tokenizer, backbone_from_pretrained=False)
    model.resize_embeddings()
    return model.eval()


def find_threshold(model: Any, texts: Sequence[str], mentions: int) -> float:
    """Where the model finds about so many: random scores are about one half everywhere."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        found = run_gliner(model, texts, 32, middle)["mentions"]
        low, high = (middle, high) if found > mentions else (low, middle)
    return high


def run_gliner(model: Any, texts: Sequence[str], size: int, threshold: float) -> dict[str, Any]:
    seconds, sizes, mentions = [], [], 0
    for start in range(0, len(texts), size):
        batch = list(texts[start : start + size])
        began = time.perf_counter()
        found = model.inference(batch, list(LABELS), threshold=threshold, batch_size=size)
        seconds.append(time.perf_counter() - began)
        sizes.append(len(batch))
        mentions += sum(map(len, found))
    return {"seconds": seconds, "sizes": sizes, "mentions": mentions}


if __name__ == "__main__":
    serve_gliner()
