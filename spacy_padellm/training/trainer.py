"""transformers' Trainer over steps that are made as they are wanted: the only training loop.

Optimiser steps, gradient clipping, checkpoints and resuming are the Trainer's; here is what
differs: steps are a stream, learning rates absolute, and scores come from decoding.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer, TrainingArguments

from ..learning.examples import TrainingText


@dataclass(frozen=True)
class Step:
    """This process's share of an optimiser step. number: from 0; epoch: 1.5 is amid the second;
    words: of all processes."""

    number: int
    epoch: float
    words: int
    texts: Sequence[TrainingText]


class StepStream(IterableDataset):
    """Steps as an endless or finite stream."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)


class StepTrainer(Trainer):
    """Trains what takes steps; how a step becomes a loss is for those that derive from it.

    optimizer: made of the trained weights, with a learning rate of 1. rate: the learning rate of
    each step, from 0. evaluate_with: scores the model where all processes call it; a score (higher
    is better) under "score" and whatever else.

    mend: what to do where the loss is no number.
    """

    mend = "lower the learning rate"

    def __init__(
        self,
        trained: torch.nn.Module,
        steps: StepStream,
        args: TrainingArguments,
        *,
        optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer],
        rate: Callable[[int], float],
        evaluate_with: Callable[[], dict[str, Any]],
        **options: Any,
    ) -> None:
        super().__init__(model=trained, args=args, train_dataset=steps, **options)
        self.trained = trained
        self.make_optimizer = optimizer
        self.rate = rate
        self.evaluate_with = evaluate_with
        # `compute_loss` divides by the targets of the whole step itself.
        self.loss_is_scaled_for_ga = True
        self.current: Step | None = None
        self.seen: dict[str, Any] = {"tokens": 0, "words": 0}

    def get_train_dataloader(self) -> DataLoader:
        """Steps are shared out among processes already."""
        stream: Any = self.train_dataset
        # With a generator of its own: a draw from the global one would shift dropout on resuming.
        draws = torch.Generator().manual_seed(self.args.seed)
        return DataLoader(stream, batch_size=None, collate_fn=lambda step: step, generator=draws)

    def take_step(self, steps: Iterator[Step]) -> Step | None:
        """The next of the stream; None, and the run stops, where it has ended."""
        step = next(steps, None)
        if step is None:
            self.control.should_training_stop = True
            return None
        self.current = step
        self.seen["words"] += step.words
        return step

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = self.make_optimizer(model or self.trained)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        if self.lr_scheduler is None:
            # Rates are absolute; the optimiser's own is 1.
            stepped: Any = optimizer or self.optimizer
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                stepped,
                lambda step: self.rate(step),  # an object would go into checkpoints
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Raises ValueError where the loss is no number any more."""
        loss = logs.get("loss", 0.0)
        if not all(math.isfinite(float(logs.get(name, 0.0))) for name in ("loss", "grad_norm")):
            raise ValueError(f"the loss is {loss} at step {self.state.global_step}: {self.mend}")
        if self.current is not None:  # the Trainer's own count begins anew on resuming
            self.state.epoch = self.current.epoch
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The score, under "eval_score", with what else was measured."""
        found = self.evaluate_with()
        numbers = {f"eval_{k}": float(v) for k, v in found.items() if isinstance(v, (int, float))}
        self.log(numbers)
        entry: dict[str, Any] = self.state.log_history[-1]
        entry["details"] = found
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, numbers
        )
        return numbers
