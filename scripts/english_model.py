"""The English model in the box: tokenizer, pretraining, fine-tuning, export. Resumable.

    python scripts/english_model.py --data DATA --output training/english [STAGE ...]

DATA holds `text/wiki_en.txt.xz` and `ner/<set>/<split>.jsonl.gz`. Stages run in the order
prepare, tokenizer, pretrain, finetune, export; without a name all of them do. A stage that
was interrupted continues at its last checkpoint.
"""

import argparse
import itertools
import json
import logging
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from spacy_padellm.training.pretraining import encode_lines, pretrain, read_lines
from spacy_padellm.training.scratch import create_model, train_tokenizer

LABELS = ("PER", "ORG", "LOC")
VOCAB_SIZE = 8192
ARCHITECTURE = "llama"
SIZES = {
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "intermediate_size": 512,
    "num_attention_heads": 3,
    "num_key_value_heads": 3,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
PRETRAIN_SECONDS = 35 * 60


def tokenizer_stage(data: Path, output: Path) -> None:
    """A byte-level BPE on the pretraining text and the texts of the NER training sets."""
    folder = output / "tokenizer"
    if folder.exists():
        return
    wiki = itertools.islice(read_lines(data / "text" / "wiki_en.txt.xz"), 30000)
    tokenizer = train_tokenizer(wiki, VOCAB_SIZE, LABELS)
    tokenizer.save_pretrained(folder)


def pretrain_stage(data: Path, output: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(output / "tokenizer")
    encoded = output / "text.npy"
    if not encoded.exists():
        np.save(encoded, encode_lines(tokenizer, read_lines(data / "text" / "wiki_en.txt.xz")))
    torch.manual_seed(0)
    model = create_model(tokenizer, ARCHITECTURE, **SIZES)
    log = pretrain(
        model,
        np.load(encoded, mmap_mode="r"),
        output / "pretrain",
        seconds=PRETRAIN_SECONDS,
        rows=16,
        row_length=256,
        learn_rate=4e-3,
    )
    model.save_pretrained(output / "pretrained")
    (output / "pretrain" / "log.json").write_text(json.dumps(log))


STAGES = {"tokenizer": tokenizer_stage, "pretrain": pretrain_stage}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="any of " + ", ".join(STAGES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/english"))
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    for name in arguments.stages or STAGES:
        STAGES[name](arguments.data, arguments.output)


if __name__ == "__main__":
    main()
