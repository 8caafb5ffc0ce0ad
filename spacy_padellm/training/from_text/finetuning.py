"""Fine-tuning on packed trees without spaCy: resumable, the best weights by dev F1 kept.

`padellm train` trains the component itself; this is for machines without spaCy and for models
made from scratch.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ...decoding import Decoder
from ...formats.gold_text import GoldText
from ...learning.mixture import Epochs
from ...learning.optimizer import AdamSettings, make_adam
from ...lm.language_model import LanguageModel
from ...prompts.encoding import PromptEncoder
from ...spans.alignment import places_of
from ...spans.scoring import span_scores
from ..budget import Budget
from ..trainer import Step
from ..tree_task import TreeTask
from .tagging import TaggingHeads
from .trainer import train


def finetune(
    lm: LanguageModel,
    encoder: PromptEncoder,
    mixture: Epochs,
    output: Path,
    budget: Budget,
    *,
    learn_rate: float = 1e-3,
    weight_decay: float = 0.05,
    clip: float = 1.0,
    row_width: int = 256,
    heads: TaggingHeads | None = None,
    evaluate: Callable[[], float] | None = None,
    evaluate_seconds: float = 600,
    checkpoint_seconds: float = 120,
    identity: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Trains in place for a time or a number of steps, resuming from checkpoints in `output`.

    heads: deep supervision, trained along (see `tagging`).
    evaluate: gives a score, higher is better; the best weights are kept, and loaded at the end.
    identity: what the run is of, in plain values; a folder of another one is refused with a
    ValueError.

    Returns the log: step, epoch, loss (nats a target), tokens per second (of the steps alone,
    padding counted), score. Raises ValueError for a loss that is not a number.
    """
    trained = nn.ModuleList([lm.model, *([heads] if heads else [])])
    along = heads.loss if heads else None
    log = train(
        trained,
        TreeTask(lm, encoder.template, row_width=row_width, along=along),
        functools.partial(mixture_steps, mixture),
        output,
        budget,
        lm.device,
        optimizer=lambda trained: make_adam(trained, AdamSettings(weight_decay=weight_decay)),
        learn_rate=learn_rate,
        clip=clip,
        checkpoint_seconds=checkpoint_seconds,
        label="NER",
        score=evaluate,
        evaluate_seconds=evaluate_seconds,
        request=identity or {},
    )
    lm.model.eval()
    return log


def mixture_steps(mixture: Epochs, first: int = 0) -> Iterator[Step]:
    """A batch of the mixture a step, without end. Raises ValueError for an epoch without texts."""
    number = 0
    for epoch in itertools.count():
        batches = mixture.epoch(epoch)
        if not batches:
            raise ValueError("an epoch holds no text: give the sets greater shares")
        for place, texts in enumerate(batches, 1):
            if number >= first:
                yield Step(number, epoch + place / len(batches), len(texts), texts)
            number += 1


def evaluate_spans(
    decoder: Decoder, golds: Sequence[GoldText], labels: Sequence[str]
) -> dict[str, Any]:
    """Strict span scores of a decoder on gold texts, as `scoring.span_scores` gives them. What a
    text does not judge (`GoldText.judges`) is neither right nor wrong."""
    predicted = []
    for start in range(0, len(golds), 256):
        some = golds[start : start + 256]
        predictions = decoder.predict([gold.text for gold in some], labels)
        for gold, prediction in zip(some, predictions, strict=True):
            predicted.append(gold.judged(places_of(gold.text, prediction.mentions)))
    return span_scores([gold.items(labels) for gold in golds], predicted)
