"""The English model in the box: tokenizer, token vectors, training, export. Resumable.

    python scripts/english_model.py --data DATA --output training/english [STAGE ...]

DATA holds `text/wiki_en.txt.xz` and `ner/<set>/<split>.jsonl.gz`; OUTPUT/silver/silver.jsonl, if it
is there, what `english_silver.py` has labelled. Stages run in the order tokenizer, vectors,
pretrain, train, export; without a name all of them do. One that was interrupted continues at its
last checkpoint. `pretrain` is left out unless it is given time: on two CPU cores, token vectors
serve better.
"""

import argparse
import importlib.util
import itertools
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from english_data import LABELS, TRAIN_SETS, digest, join_every, read_set
from english_mix import Curriculum
from english_rival import to_docbin
from english_vectors import read_vectors, train_vectors
from matplotlib.figure import Figure
from spacy.training import Example
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from spacy_padellm.decoding import Decoder, DecodingSettings
from spacy_padellm.formats.docbin import read_docs
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.loaded_model import LoadedModel
from spacy_padellm.models.make import create_model, train_tokenizer
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.named.box import IN_THE_BOX
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import get_template
from spacy_padellm.spans.calibration import Calibration
from spacy_padellm.tools.analyze.calibrating import calibrate
from spacy_padellm.tools.analyze.corpus import read_examples
from spacy_padellm.tools.pipelines import open_pipeline
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.from_text.finetuning import evaluate_spans, finetune
from spacy_padellm.training.from_text.pretraining import encode_files, pretrain, read_lines
from spacy_padellm.training.from_text.stages import DEFAULT_SIZES
from spacy_padellm.training.from_text.surface import SurfaceFeatures
from spacy_padellm.training.from_text.tagging import TaggingHeads

logger = logging.getLogger("english")

VOCAB_SIZE = 20480
SIZES = {**DEFAULT_SIZES, "num_hidden_layers": 8}
TAGGED_LAYERS = (4, 5)  # the tag of a token, the number of its mention
TAGS_WEIGHT = 4.0
LEARN_RATE = 4e-3
WINDOWS = (24, 32, 48, 64, 96, 256)  # tokens
DEV_SETS = ("uner_ewt", "gmb", "wikigold")
STARTS_FROM = ("tokenizer/tokenizer.json", "vectors.vec", "silver/silver.jsonl")


def tokenizer_stage(data: Path, output: Path) -> None:
    """A byte-level BPE on the first articles of the plain text."""
    folder = output / "tokenizer"
    if (folder / "tokenizer.json").exists():
        return
    wiki = itertools.islice(read_lines(data / "text" / "wiki_en.txt.xz"), 30000)
    train_tokenizer(wiki, VOCAB_SIZE, LABELS).save_pretrained(folder)


def vectors_stage(data: Path, output: Path) -> None:
    """What the embeddings begin with: skip-gram vectors of tokens, on all texts."""
    if (output / "vectors.vec").exists():
        return
    golds = (gold.text for name in TRAIN_SETS for gold in read_set(data, name, "train"))
    wiki = read_lines(data / "text" / "wiki_en.txt.xz")
    texts = itertools.chain(wiki, golds)
    train_vectors(_tokenizer(output), texts, output / "vectors.vec", SIZES["hidden_size"])


def pretrain_stage(data: Path, output: Path, seconds: float) -> None:
    """Language modelling on the plain text, half of it as a prefix LM."""
    if not seconds:
        return
    tokenizer = _tokenizer(output)
    ids = encode_files(tokenizer, [data / "text" / "wiki_en.txt.xz"], output / "text.ids")
    model = _new_model(output)
    pretrain(model, ids, output / "pretrain", Budget(seconds), rows=16, learn_rate=4e-3)
    model.save_pretrained(output / "pretrained")


def _new_model(output: Path) -> Any:
    torch.manual_seed(0)
    model = create_model(_tokenizer(output), "llama", **SIZES)
    if (output / "vectors.vec").exists():
        read_vectors(output / "vectors.vec", model.get_input_embeddings().weight)
    return model.to(Hardware().find_first())


def train_stage(data: Path, output: Path, seconds: float) -> None:
    """Counts and mentions of the annotated sets; of silver texts mostly the tags of tokens."""
    model = _new_model(output)
    if (output / "pretrained").exists():
        model = AutoModelForCausalLM.from_pretrained(
            output / "pretrained", trust_remote_code=False
        ).to(model.device)
    loaded = _wrap(model, _tokenizer(output))
    encoder = loaded.encoder()
    curriculum = Curriculum(data, output / "silver" / "silver.jsonl", encoder)
    for layer in model.base_model.layers:
        layer.compile(dynamic=True)
    dev = read_set(data, "uner_ewt", "dev")  # as the rival's best weights are chosen
    decoder = Decoder(loaded.lm, encoder, DecodingSettings(distinct=True))
    with (
        SurfaceFeatures(loaded.lm),
        TaggingHeads(loaded.lm, LABELS, layers=TAGGED_LAYERS, weight=TAGS_WEIGHT) as heads,
    ):
        finetune(
            loaded.lm,
            encoder,
            curriculum,
            output / "train",
            Budget(seconds),
            learn_rate=LEARN_RATE,
            optimizer_name="muon",
            heads=heads,
            evaluate=lambda: evaluate_spans(decoder, dev, LABELS)["f"],
            evaluate_seconds=600,
            identity={
                "sizes": SIZES,
                "learn_rate": LEARN_RATE,
                "tagging": [*TAGGED_LAYERS, TAGS_WEIGHT],
                "files": {name: digest(output / name) for name in STARTS_FROM},
                **curriculum.identity,
            },
        )
    model.save_pretrained(output / "trained")


def export_stage(data: Path, output: Path) -> None:
    """The model in the box, in 16 bits, with its window and calibration; the log beside the other
    results."""
    model = AutoModelForCausalLM.from_pretrained(output / "trained", trust_remote_code=False).half()
    loaded = _wrap(model, _tokenizer(output))
    with tempfile.TemporaryDirectory() as folder:
        save_model(loaded, Path(folder), "full")
        window = _choose_window(folder, data)
        calibration = _calibrate(folder, data, window)
    loaded = loaded.having(window=window, calibration=calibration)
    save_model(loaded, IN_THE_BOX["english"], "full")
    log = output / "train" / "log.json"
    shutil.copy(log, "benchmarks/results/english_training.json")
    plot_log(json.loads(log.read_text()), Path("docs/english_training.png"))


def _calibrate(folder: str, data: Path, window: int) -> Calibration:
    """Of a saved model, on texts of the development set."""
    nlp, pipe = open_pipeline(folder, window=window)
    corpus = Path("corpus/english/uner_ewt_dev.spacy")
    to_docbin(read_set(data, "uner_ewt", "dev"), corpus)
    found = calibrate(nlp, pipe, read_examples(nlp, read_docs(corpus, nlp.vocab)))
    logger.info("%s, expected calibration error left out %s", found.calibration, found.error)
    return found.calibration


def _choose_window(folder: str, data: Path) -> int:
    """The window, in tokens, in which texts of development sets are read best, as they stand and
    joined."""
    corpora = []
    for name in DEV_SETS:
        golds = read_set(data, name, "dev")[:1000]
        for kind, texts in (("plain", golds), ("joined", join_every(golds, 10))):
            corpora.append(Path(f"corpus/english/{name}_dev_{kind}.spacy"))
            to_docbin(texts, corpora[-1])
    scores = {}
    for window in WINDOWS:
        nlp, _ = open_pipeline(folder, window=window)
        found = []
        for corpus in corpora:
            docs = read_docs(corpus, nlp.vocab)
            examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
            found.append(float(nlp.evaluate(examples)["ents_f"]))
        scores[window] = sum(found) / len(found)
        logger.info("windows of %d tokens: mean F1 %.3f %s", window, scores[window], found)
    return max(scores, key=scores.__getitem__)


def plot_log(log: list[dict[str, Any]], path: Path) -> None:
    """Loss and F1 on the development set by step."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = [entry for entry in log if "loss" in entry]
    left.plot([e["step"] for e in losses], [e["loss"] for e in losses], color="tab:gray")
    left.set(title="loss", xlabel="step", ylabel="nats a target token", yscale="log")
    scores = [entry for entry in log if "score" in entry]
    right.plot([e["step"] for e in scores], [e["score"] for e in scores], marker=".")
    right.set(title="strict span F1, UNER EWT dev", xlabel="step", ylim=(0, 1))
    figure.savefig(path, dpi=110)


def _tokenizer(output: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(output / "tokenizer", trust_remote_code=False)


def _wrap(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> LoadedModel:
    template = get_template("compact", bidirectional=True, copies=True, blanks=True)
    return LoadedModel(LanguageModel(model, tokenizer, "english"), ModelSettings(template, LABELS))


STAGES: dict[str, Callable[..., None]] = {
    "tokenizer": tokenizer_stage,
    "vectors": vectors_stage,
    "pretrain": pretrain_stage,
    "train": train_stage,
    "export": export_stage,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="any of " + ", ".join(STAGES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("training/english"))
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--pretrain-seconds", type=float, default=0)
    parser.add_argument("--train-seconds", type=float, default=11_000)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    stages = arguments.stages or list(STAGES)
    if unknown := set(stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}: choose of {', '.join(STAGES)}")
    if "vectors" in stages and not importlib.util.find_spec("floret"):
        parser.error("token vectors need floret: pip install 'spacy-padellm[english]'")
    budgets = {"pretrain": arguments.pretrain_seconds, "train": arguments.train_seconds}
    for name in stages:
        budget = (budgets[name],) if name in budgets else ()
        STAGES[name](arguments.data, arguments.output, *budget)


if __name__ == "__main__":
    main()
