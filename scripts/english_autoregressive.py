"""Autoregressive models of the size of the English model, for comparison.

    python scripts/english_autoregressive.py FORMAT --data DATA [--minutes 30]

FORMAT: "structured" (one list of label and mention pairs a text) or "augmented" (the text again,
mentions marked in it). Starts from the fine-tuned English model (`english_model.py`), which knows
the entities, and teaches it to answer in this format; the model lands in OUTPUT/FORMAT. Resumable.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import torch
from english_data import LABELS, TRAIN_SETS, digest, read_set
from english_mix import EMPTY, FIRST

from spacy_padellm.learning.examples import TrainingText
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.models.save import save_model
from spacy_padellm.tools.benchmark.autoregressive import (
    AutoregressiveDecoder,
    get_answer_format,
    make_answer_text,
)
from spacy_padellm.tools.benchmark.autoregressive.prompt import AnswerEncoder
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.finetuning import evaluate_spans, finetune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("format", choices=("structured", "augmented"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/autoregressive"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    loaded = load_model(ModelSource("english"))
    loaded.lm.widen()
    # `generate` reads a prompt causally.
    template = replace(loaded.template, bidirectional=False, copies=False)
    loaded = loaded.asking(template).to_train(LABELS)
    encoder, answer = loaded.encoder(), get_answer_format(arguments.format)
    sets: dict[str, list[TrainingText]] = {}
    shares: dict[str, float] = {}
    for name in TRAIN_SETS:
        golds = read_set(arguments.data, name, "train")
        for suffix, of_kind in (
            ("", [gold for gold in golds if gold.spans]),
            (", empty", [gold for gold in golds if not gold.spans]),
        ):
            answers = AnswerEncoder(encoder)
            texts = [make_answer_text(answers, answer, gold, LABELS) for gold in of_kind]
            sets[name + suffix] = texts
            shares[name + suffix] = FIRST.get(name, 1.0) * (EMPTY if suffix else 1.0)
    for layer in loaded.lm.model.base_model.layers:
        layer.compile(dynamic=True)
    dev = read_set(arguments.data, "uner_ewt", "dev")
    decoder = AutoregressiveDecoder(loaded.lm, encoder, answer)
    output = arguments.output / arguments.format
    finetune(
        loaded.lm,
        encoder,
        Mixture(sets, shares, batch_tokens=2048),
        output / "finetune",
        Budget(60 * arguments.minutes),
        learn_rate=1e-3,
        evaluate=lambda: evaluate_spans(decoder, dev, LABELS)["f"],
        evaluate_seconds=600,
        identity={
            "format": arguments.format,
            "model": digest(IN_THE_BOX["english"] / "model.safetensors"),
            "shares": shares,
            "texts": {name: len(texts) for name, texts in sets.items()},
        },
    )
    save_model(loaded, output / "model", "full")


if __name__ == "__main__":
    main()
