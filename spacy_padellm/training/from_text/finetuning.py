"""Fine-tuning on packed trees without spaCy: resumable, the best weights by dev F1 kept.

`spacy train` trains the component itself; this loop is for machines without spaCy and for
models made from scratch.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from ...decoding import Decoder
from ...formats.gold import GoldText
from ...learning.batch import batch_loss, make_batch_for
from ...learning.mixture import Epochs
from ...learning.optimizer import AdamSettings, MuonWithAdamW, make_adam, take_step, warmup_cosine
from ...lm.language_model import LanguageModel
from ...prompts.encoding import PromptEncoder
from ...spans.scoring import span_scores
from ..budget import check_budget, check_loss
from ..checkpoint import load_checkpoint, save_checkpoint, write_log
from .tagging import TaggingHeads

logger = logging.getLogger(__name__)


def finetune(
    lm: LanguageModel,
    encoder: PromptEncoder,
    mixture: Epochs,
    output: Path,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    learn_rate: float = 1e-3,
    weight_decay: float = 0.05,
    clip: float = 1.0,
    row_width: int = 256,
    heads: TaggingHeads | None = None,
    optimizer_name: Literal["adamw", "muon"] = "adamw",
    evaluate: Callable[[], float] | None = None,
    evaluate_seconds: float = 600,
    checkpoint_seconds: float = 120,
    identity: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Trains in place for a time or a number of steps, resuming from `output`/checkpoint.pt.

    heads: deep supervision, trained along (see `tagging`); texts that are there for it alone
    (`examples.for_tagging`) have no other loss.
    optimizer_name: "muon" is for models made from scratch (`optimizer.MuonWithAdamW`).
    evaluate: gives a score, higher is better; the best weights are saved in `output`/best.pt
    and loaded at the end. seconds count over all resumed runs. identity: what the run is of, in
    plain values; a checkpoint of another one is refused with a ValueError.

    Returns the log: step, epoch, loss (nats a target), tokens a second (of the steps alone,
    padding counted), score. Raises ValueError for no budget, and for a loss that is no number.
    """
    check_budget(seconds, steps)
    trained = nn.ModuleList([lm.model, *([heads] if heads else [])])
    optimizer = _make_optimizer(optimizer_name, lm, trained, learn_rate, weight_decay)
    if optimizer_name != "adamw":  # whose checkpoints are read as they always were
        identity = {**(identity or {}), "optimizer": optimizer_name}
    schedule = warmup_cosine()
    progress: dict[str, Any] = {"step": 0, "epoch": 0, "batch": 0, "spent": 0.0, "best": -1.0}
    log: list[dict[str, Any]] = []
    needs = ("model", "optimizer", "progress", "log")
    state = load_checkpoint(output / "checkpoint.pt", needs)
    if state and state.get("identity") != identity:
        raise ValueError(
            f"{output} has the checkpoint of another run ({state.get('identity')}): give another "
            f"output"
        )
    if state:
        torch.set_rng_state(state.get("rng", torch.get_rng_state()))
        if unexpected := trained.load_state_dict(state["model"], strict=False).unexpected_keys:
            raise ValueError(
                f"{output} has the checkpoint of another model, with {unexpected[0]}: give "
                f"another output"
            )
        optimizer.load_state_dict(state["optimizer"])
        progress, log = state["progress"], state["log"]
        logger.info("resuming fine-tuning at step %d", progress["step"])

    def save() -> None:
        weights, optimizer_state = learned_state(trained), optimizer.state_dict()
        save_checkpoint(
            output / "checkpoint.pt",
            {
                **{"model": weights, "optimizer": optimizer_state, "progress": progress},
                **{"log": log, "identity": identity, "rng": torch.get_rng_state()},
            },
        )
        write_log(output, log)

    def done() -> float:
        return progress["spent"] / seconds if seconds else progress["step"] / (steps or 1)

    def score() -> None:
        if evaluate is None:
            return
        lm.model.eval()
        value = evaluate()
        lm.model.train()
        logger.info("step %d: score %.4f", progress["step"], value)
        log.append({"step": progress["step"], "epoch": progress["epoch"], "score": value})
        if value > progress["best"]:
            progress["best"] = value
            save_checkpoint(output / "best.pt", {"model": learned_state(lm.model)})
            save()  # whoever resumes knows of it

    lm.model.train()
    bar = tqdm(total=100, unit="%", desc="NER")
    last_save = last_score = time.monotonic()
    losses, targets, tokens, taken = 0.0, 0.0, 0, 0.0
    while done() < 1:
        batches = mixture.epoch(progress["epoch"])
        while progress["batch"] < len(batches) and done() < 1:
            began = time.monotonic()
            texts = batches[progress["batch"]]
            batch = make_batch_for(lm, encoder.template, texts, row_width)
            with parametrize.cached():  # embeddings with `surface` features: once, not twice
                with torch.autocast(
                    lm.device.type, torch.bfloat16, enabled=lm.device.type == "cuda"
                ):
                    loss = batch_loss(lm, batch)
                    mean = loss / max(batch.weight, 1.0)
                    if heads:
                        mean = mean + heads.loss(texts, batch)
                mean.backward()
            losses += check_loss(loss.item(), progress["step"] + 1)
            take_step(optimizer, learn_rate * schedule(done()), clip)
            targets += batch.weight
            tokens += batch.n_tokens
            progress["step"] += 1
            progress["batch"] += 1
            now = time.monotonic()
            progress["spent"] += now - began
            taken += now - began
            bar.n = min(100, round(100 * done(), 1))
            if progress["step"] % 50 == 0:
                entry = {
                    "step": progress["step"],
                    "epoch": progress["epoch"] + progress["batch"] / len(batches),
                    "loss": losses / max(targets, 1.0),
                    "tokens_a_second": tokens / taken,
                }
                log.append(entry)
                bar.set_postfix(loss=f"{entry['loss']:.3f}", epoch=f"{entry['epoch']:.2f}")
                losses, targets, tokens, taken = 0.0, 0.0, 0, 0.0
            if now - last_score > evaluate_seconds:
                score()
                last_score = time.monotonic()
            if now - last_save > checkpoint_seconds:
                save()
                last_save = time.monotonic()
        if progress["batch"] >= len(batches):
            progress["epoch"] += 1
            progress["batch"] = 0
    bar.close()
    score()
    save()
    best = _load_best(output / "best.pt") if evaluate else None
    if best:
        lm.model.load_state_dict(best["model"], strict=False)
    lm.model.eval()
    return log


def _load_best(path: Path) -> dict[str, Any] | None:
    try:
        return load_checkpoint(path, ("model",))
    except ValueError as error:
        logger.warning("%s; the last weights are taken instead of the best", error)
        return None


def _make_optimizer(
    name: str, lm: LanguageModel, trained: nn.Module, learn_rate: float, weight_decay: float
) -> torch.optim.Optimizer | MuonWithAdamW:
    """Raises ValueError for another name, and a model that Muon does not suit."""
    if name == "adamw":
        return make_adam(trained, AdamSettings(weight_decay=weight_decay))
    if name != "muon":
        raise ValueError(f"optimizer_name is {name!r}: choose 'adamw' or 'muon'")
    layers = getattr(lm.model.base_model, "layers", None)
    if layers is None:
        kind = type(lm.model).__name__
        raise ValueError(f"Muon is for the matrices of a model's `layers`; {kind} has none")
    return MuonWithAdamW(trained, layers, learn_rate, weight_decay)


def learned_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The weights that are trained; all where all are."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}


def evaluate_spans(
    decoder: Decoder, golds: Sequence[GoldText], labels: Sequence[str]
) -> dict[str, Any]:
    """Strict span scores of a decoder on gold texts, as `scoring.span_scores` gives them.

    What a text does not judge (`GoldText.judges`) is neither right nor wrong.
    """
    predicted = []
    for start in range(0, len(golds), 256):
        some = golds[start : start + 256]
        predictions = decoder.predict([gold.text for gold in some], labels)
        for gold, prediction in zip(some, predictions, strict=True):
            spans = [(m.label, m.start, m.end) for m in prediction.mentions]
            placed = {(x, s, e) for x, s, e in spans if s is not None and e}
            predicted.append(gold.judged(placed))
    return span_scores([gold.items(labels) for gold in golds], predicted)
