"""How much memory a step takes on a CPU: measured on short passes, and reckoned from there.

What layers keep for the backward pass depends on how they are made, on adapters, dropout, precision
and the form of attention, and no config says it. But it always grows with tokens, and where
attention is computed as matrix products, with pairs of tokens, too: three short passes tell.
"""

import heapq
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from spacy.training import Example
from torch import nn

from ...formats.gold_text import GoldText
from ...learning.examples import TrainingText, make_training_text
from ...lm.language_model import LanguageModel
from ...lm.older_transformers import checkpointing_name
from ...pipeline.component import PaDeLLMNER
from ...prompts.encoding import PromptEncoder
from ..trainer import Step, StepTrainer, Task

logger = logging.getLogger(__name__)
MUCH = 4e9  # bytes, beside which a laptop does other work
_RUNTIME = 0.7e9  # Python, torch and transformers themselves
_GRADIENT_AND_ADAM = 12  # bytes for each weight that is trained
_WORDS = 64  # of the longest text that is measured
_LONGEST = 8  # texts with the most characters, of which one has the most tokens


@dataclass(frozen=True)
class PassMemory:
    """Bytes that a pass keeps for its gradients: once, for each token, padding included, and for
    each pair of tokens in a row."""

    once: float
    token: float
    pair: float

    def of(self, rows: int, columns: int) -> float:
        return self.once + rows * columns * (self.token + columns * self.pair)


def warn_of_memory(trainer: StepTrainer, pipe: PaDeLLMNER, examples: Sequence[Example]) -> None:
    """Tells what to pass to a run that takes much memory without it. examples: all that it learns
    from."""
    lm = pipe.shim.loaded.lm
    if lm.device.type != "cpu" or getattr(trainer.args, checkpointing_name()):
        return
    long = heapq.nlargest(_LONGEST, examples, key=lambda eg: len(eg.reference.text))
    texts = pipe.training_texts(long, random.Random(0))
    if not texts:
        return
    with _as_in_training(trainer):
        memory = measure_passes(trainer.task, lm, pipe.shim.loaded.encoder(), pipe.labels)
    columns = max(_columns(trainer.task, text) for text in texts)
    rows = max(1, min(pipe.settings.token_budget, lm.training_tokens) // columns)
    if advice := _advise(lm, memory, rows, columns):
        logger.warning("%s", advice)


def measure_passes(
    task: Task, lm: LanguageModel, encoder: PromptEncoder, labels: Sequence[str]
) -> PassMemory:
    """Runs three short passes forward, without any effect on what comes after."""
    most = min(_WORDS, (lm.max_positions or 4 * _WORDS) // 4)
    lengths, found = [], []
    with torch.random.fork_rng(devices=[]):
        for words in (most // 4, most // 2, most):
            text = make_training_text(encoder, GoldText("a " * max(words, 1), ()), labels)
            lengths.append(_columns(task, text))
            found.append(kept_bytes(task, lm.trained, text))
    pair, token, once = np.polyfit(lengths, found, deg=2)
    return PassMemory(max(once, 0.0), max(token, 0.0), max(pair, 0.0))


def kept_bytes(task: Task, trained: nn.Module, *texts: TrainingText) -> int:
    """What passes of these texts keep for their gradients, besides weights."""
    known = {tensor.untyped_storage().data_ptr() for tensor in trained.parameters()}
    kept: dict[int, torch.Tensor] = {}  # they stay, so that no place is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in known:
            kept.setdefault(place, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for one in task.passes(Step(0, 0.0, 0, texts)):
            task.losses(one, None)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@contextmanager
def _as_in_training(trainer: StepTrainer) -> Iterator[None]:
    was_training = trainer.trained.training
    trainer.trained.train()
    try:
        with trainer.compute_loss_context_manager():
            yield
    finally:
        trainer.trained.train(was_training)


def _columns(task: Task, text: TrainingText) -> int:
    """How wide a pass of this text alone is."""
    return sum(int(one.n_tokens) for one in task.passes(Step(0, 0.0, 0, [text])))


def _advise(lm: LanguageModel, memory: PassMemory, rows: int, columns: int) -> str | None:
    """With gradient checkpointing, layers keep what goes from one to the next; but for the one
    that is computed again, whose attention is then the fused one, without its pairs."""
    layers, hidden = (getattr(lm.config, n, None) for n in ("num_hidden_layers", "hidden_size"))
    needed = _fixed(lm.trained) + memory.of(rows, columns)
    if needed <= MUCH or not (isinstance(layers, int) and isinstance(hidden, int)):
        return None
    tokens = rows * columns
    stays = memory.once + tokens * (memory.token / max(layers, 1) + 4 * hidden * layers)
    saved = max(memory.of(rows, columns) - stays, 0.0)
    return (
        f"a step takes about {needed / 1e9:.1f} GB of memory: --gradient-checkpointing saves about "
        f"{saved / 1e9:.1f} GB of it, for about a third more work"
    )


def _fixed(trained: nn.Module) -> float:
    """Bytes that are there whatever the text is."""
    weights: list[Any] = list(trained.parameters())
    learned = sum(w.numel() for w in weights if w.requires_grad)
    return (
        _RUNTIME + sum(w.numel() * w.element_size() for w in weights) + learned * _GRADIENT_AND_ADAM
    )
