"""The English model in the box: tokenizer, pretraining, fine-tuning, export. Resumable.

    python scripts/english_model.py --data DATA --output training/english [STAGE ...]

DATA holds `text/wiki_en.txt.xz` and `ner/<set>/<split>.jsonl.gz`. Stages run in the order
tokenizer, pretrain, finetune, refine, export; without a name all of them do. A stage that was
interrupted continues at its last checkpoint. `refine` reads what `english_silver.py` has written.
"""

import argparse
import itertools
import json
import logging
from pathlib import Path

import torch
from english_data import LABELS, TRAIN_SETS, read_set
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from spacy_padellm.decoding import Decoder
from spacy_padellm.formats import jsonl
from spacy_padellm.lm import LanguageModel
from spacy_padellm.loading import LoadedModel
from spacy_padellm.model_place import IN_THE_BOX
from spacy_padellm.prompts import get_template
from spacy_padellm.saving import save_model
from spacy_padellm.training.examples import GoldText, TrainingText, make_training_text
from spacy_padellm.training.finetuning import evaluate_spans, finetune
from spacy_padellm.training.mixture import Mixture
from spacy_padellm.training.pretraining import encode_files, pretrain, read_lines
from spacy_padellm.training.scratch import create_model, train_tokenizer
from spacy_padellm.training.tagging import TaggingHeads
from spacy_padellm.training.workflow import DEFAULT_SIZES

logger = logging.getLogger("english")

VOCAB_SIZE = 8192
ARCHITECTURE = "llama"
PRETRAIN_SECONDS = 35 * 60
FINETUNE_SECONDS = 65 * 60
REFINE_SECONDS = 72 * 60
EMPTY_SHARE = 0.4
SILVER_SHARE = 0.3
SHARES = {
    "uner_ewt": 2.0,
    "btc": 0.75,
    "wikigold": 2.0,
    "sec_filings": 0.5,
    "litbank_names": 0.5,
}


def tokenizer_stage(data: Path, output: Path) -> None:
    """A byte-level BPE on the first articles of the pretraining text."""
    folder = output / "tokenizer"
    if folder.exists():
        return
    wiki = itertools.islice(read_lines(data / "text" / "wiki_en.txt.xz"), 30000)
    tokenizer = train_tokenizer(wiki, VOCAB_SIZE, LABELS)
    tokenizer.save_pretrained(folder)


def pretrain_stage(data: Path, output: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(output / "tokenizer")
    ids = encode_files(tokenizer, [data / "text" / "wiki_en.txt.xz"], output / "text.ids")
    torch.manual_seed(0)
    model = create_model(tokenizer, ARCHITECTURE, **DEFAULT_SIZES)
    log = pretrain(
        model,
        ids,
        output / "pretrain",
        seconds=PRETRAIN_SECONDS,
        rows=16,
        row_length=256,
        learn_rate=4e-3,
    )
    model.save_pretrained(output / "pretrained")
    (output / "pretrain" / "log.json").write_text(json.dumps(log))


def finetune_stage(data: Path, output: Path) -> None:
    """Entities from the annotated sets alone."""
    sets, shares = _annotated(data, output)
    _finetune(data, output, "pretrained", "finetune", sets, shares, FINETUNE_SECONDS, 1.5e-3)


def refine_stage(data: Path, output: Path) -> None:
    """Further, with sentences that `english_silver.py` has labelled; without any, not at all."""
    path = output / "silver" / "silver.jsonl"
    if not path.exists():
        logger.warning("%s is not there: no refining", path)
        return
    sets, shares = _annotated(data, output)
    encoder = _loaded(output, output / "pretrained").encoder()
    for text in jsonl.read(path):
        made = make_training_text(encoder, GoldText(text.text, text.spans), LABELS)
        sets.setdefault("silver" if made.mentions else "silver, empty", []).append(made)
    shares |= {"silver": SILVER_SHARE, "silver, empty": EMPTY_SHARE * SILVER_SHARE}
    _finetune(data, output, "finetuned", "refine", sets, shares, REFINE_SECONDS, 1.2e-3)


def _annotated(data: Path, output: Path) -> tuple[dict[str, list[TrainingText]], dict[str, float]]:
    """The sets, texts without entities apart, and their shares of an epoch."""
    encoder = _loaded(output, output / "pretrained").encoder()
    sets: dict[str, list[TrainingText]] = {}
    shares: dict[str, float] = {}
    for name in TRAIN_SETS:
        golds = read_set(data, name, "train")
        texts = [make_training_text(encoder, gold, LABELS) for gold in golds]
        off = sum(len(text.unaligned) for text in texts)
        logger.info("%s: %d texts, %d spans off the tokens", name, len(golds), off)
        sets[name] = [text for text in texts if text.mentions]
        sets[f"{name}, empty"] = [text for text in texts if not text.mentions]
        shares[name] = SHARES.get(name, 1.0)
        shares[f"{name}, empty"] = EMPTY_SHARE * shares[name]
    return sets, shares


def _finetune(
    data: Path,
    output: Path,
    start: str,
    stage: str,
    sets: dict[str, list[TrainingText]],
    shares: dict[str, float],
    seconds: float,
    learn_rate: float,
) -> None:
    loaded = _loaded(output, output / start)
    encoder = loaded.encoder()
    for layer in loaded.lm.model.base_model.layers:
        layer.compile(dynamic=True)
    dev = read_set(data, "uner_ewt", "dev")
    decoder = Decoder(loaded.lm, encoder)
    with TaggingHeads(loaded.lm, LABELS, weight=4.0) as heads:
        finetune(
            loaded.lm,
            encoder,
            Mixture(sets, shares, batch_tokens=2048),
            output / stage,
            seconds=seconds,
            learn_rate=learn_rate,
            heads=heads,
            evaluate=lambda: evaluate_spans(decoder, dev, LABELS)["f"],
            evaluate_seconds=900,
        )
    loaded.lm.model.save_pretrained(output / f"{stage}d")


def export_stage(data: Path, output: Path) -> None:
    """The model in the box: 16-bit weights, tokenizer, template and labels."""
    refined = output / "refined"
    loaded = _loaded(output, refined if refined.exists() else output / "finetuned")
    loaded.lm.model.half()
    save_model(loaded, IN_THE_BOX["english"], "full")


def _loaded(output: Path, weights: Path) -> LoadedModel:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(output / "tokenizer")
    lm = LanguageModel(AutoModelForCausalLM.from_pretrained(weights), tokenizer, "english")
    return LoadedModel(lm, get_template("compact", bidirectional=True, copies=True), LABELS)


STAGES = {
    "tokenizer": tokenizer_stage,
    "pretrain": pretrain_stage,
    "finetune": finetune_stage,
    "refine": refine_stage,
    "export": export_stage,
}


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
