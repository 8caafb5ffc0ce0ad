"""transformers' Trainer over steps that are made as they are wanted: the only training loop.

Data parallel, FSDP, DeepSpeed, mixed precision, optimiser steps and checkpoints are the Trainer's
and accelerate's; here is what differs: steps are a stream, each a list of passes, its loss is
divided by the targets of all passes of all processes, and scores come from decoding.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PrinterCallback, Trainer, TrainerState, TrainingArguments

from ..learning.examples import TrainingText
from ..learning.optimizer import check_gradient, check_loss
from ..lm.gradients import gradients_on
from ..models.mixed_precision import adapters_uncast
from .checkpoints import STATE

logger = logging.getLogger(__name__)
# Of `TrainingArguments`, whatever is trained.
ARGUMENTS = {
    "per_device_train_batch_size": 1,
    "eval_strategy": "no",  # callbacks say when
    "save_strategy": "no",
    "ignore_data_skip": True,  # a stream begins where it is to go on
    "logging_nan_inf_filter": False,
    "use_cache": True,
    "disable_tqdm": True,
    "log_level": "error",
}


@dataclass(frozen=True)
class Step:
    """This process's share of an optimiser step. number: from 0; epoch: 1.5 is amid the second;
    words: of all processes."""

    number: int
    epoch: float
    words: int
    texts: Sequence[TrainingText] = ()


class Task(Protocol):
    """What is learned from a step. A pass has a `weight`, which its summed loss is divided by, and
    `n_tokens`, padding included."""

    def passes(self, step: Step) -> list[Any]:
        """The forward passes of this process."""
        ...

    def idle(self) -> Any:
        """A pass that has no part in the loss, for processes that have fewer."""
        ...

    def losses(self, one: Any, wrapped: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Of a pass: the sum over its targets (nats), and the mean of what is trained along.
        wrapped: the model as it runs in several processes; None in one."""
        ...


class StepTrainer(Trainer):
    """Trains for a task.

    optimizer: made of what is trained, with a learning rate of 1. rate: the learning rate of each
    step, from 0. evaluate_with: scores the model where all processes call it; a score (higher is
    better) under "score" and whatever else. mend: what to do where the loss is not a number.
    """

    def __init__(
        self,
        trained: torch.nn.Module,
        task: Task,
        steps: Iterable[Step],
        args: TrainingArguments,
        *,
        optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer],
        rate: Callable[[int], float],
        evaluate_with: Callable[[], dict[str, Any]],
        mend: str,
    ) -> None:
        super().__init__(model=trained, args=args)
        self.remove_callback(PrinterCallback)
        self.steps = steps
        self.trained = trained
        self.task = task
        self.make_optimizer = optimizer
        self.rate = rate
        self.evaluate_with = evaluate_with
        self.mend = mend
        # `compute_loss` divides by the targets of the whole step itself.
        self.loss_is_scaled_for_ga = True
        self.current: Step | None = None
        self.seen: dict[str, Any] = {"tokens": 0, "words": 0}
        self._losses = 0.0  # summed over steps
        self._logged_at = 0

    # --- what the Trainer is made of

    def get_train_dataloader(self) -> Any:
        """Steps are shared out among processes already. A DataLoader would draw from the global
        generator, and shift dropout on resuming."""
        return self.steps

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

    # --- a step

    @gradients_on()
    def train(self, *args: Any, **kwargs: Any) -> Any:
        return super().train(*args, **kwargs)

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, torch.Tensor | int | None]:
        """The passes of the next step, and the targets in it over all processes."""
        step = next(epoch_iterator, None)
        if step is None:
            self.control.should_training_stop = True
            return [], None
        if self.current is None:
            self._logged_at = self.state.global_step
        self.current = step
        passes = self.task.passes(step)
        own = sum(one.weight for one in passes)
        tokens = sum(one.n_tokens for one in passes)
        mine = torch.tensor([own, len(passes), tokens], device=device)
        everyone = self.accelerator.gather(mine).view(-1, 3)
        idle = max(int(everyone[:, 1].max().item()) - len(passes), 0 if passes else 1)
        inputs = [{"pass": one, "part": 1.0 / len(passes)} for one in passes]
        # They keep processes in step that have fewer texts.
        inputs += [{"pass": self.task.idle(), "part": 0.0} for _ in range(idle)]
        self.seen["tokens"] += int(everyone[:, 2].sum().item())
        self.seen["words"] += step.words
        return [{"passes": inputs}], everyone[:, 0].sum().clamp(min=1.0)

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: Any,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """All passes of a step; gradients of processes are exchanged after the last."""
        total = torch.zeros((), device=self.args.device)
        *before, last = inputs["passes"]
        for one in before:
            self.accelerator.gradient_state._set_sync_gradients(False)
            with self.accelerator.no_sync(model):
                total += super().training_step(model, one, num_items_in_batch)
        self.accelerator.gradient_state._set_sync_gradients(True)
        return total + super().training_step(model, last, num_items_in_batch)

    def compute_loss_context_manager(self) -> contextlib.ExitStack:
        stack = super().compute_loss_context_manager()
        if self.args.bf16:
            stack.enter_context(adapters_uncast(self.trained))
        return stack

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Of a pass: its cross-entropies over the targets of the whole step."""
        part = inputs["part"]
        own, along = self.task.losses(inputs["pass"], None if model is self.trained else model)
        self.note(own.detach(), inputs["pass"])
        # Processes average their gradients; their losses are parts of one sum.
        loss = own * bool(part) * self.accelerator.num_processes / num_items_in_batch
        loss = loss if along is None else loss + along * part
        return (loss, {}) if return_outputs else loss

    def note(self, loss: torch.Tensor, one: Any) -> None:
        """Of each pass: its summed loss."""

    # --- around the steps

    def go_on_from(self, checkpoint: Path | None, is_over: Callable[[TrainerState], bool]) -> None:
        """Trains from a checkpoint, from the beginning without one; not where the run is over."""
        if checkpoint is None:
            self.train()
            return
        state = TrainerState.load_from_json(str(checkpoint / STATE))
        logger.info("resuming at step %d", state.global_step)
        if is_over(state):
            self._load_from_checkpoint(str(checkpoint))
            self.state = state
        else:
            self.train(resume_from_checkpoint=str(checkpoint))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Raises ValueError where the loss is not a number any more."""
        if "loss" in logs:
            check_loss(logs["loss"], self.state.global_step, self.mend)
            check_gradient(float(logs.get("grad_norm", 0.0)), self.mend)
            self._losses += logs["loss"] * (self.state.global_step - self._logged_at)
            self._logged_at = self.state.global_step
        if self.current is not None:  # the Trainer's own count begins anew on resuming
            self.state.epoch = self.current.epoch
        super().log(logs, start_time)

    @contextlib.contextmanager
    def as_loaded(self) -> Iterator[None]:
        """The model in its own precision, as it will decode; accelerate's autocast is off."""
        model: Any = self.model
        patched = vars(model).get("forward")
        own = getattr(model, "_original_forward", None)
        if patched is None or own is None:
            yield
            return
        model.forward = own
        try:
            yield
        finally:
            model.forward = patched

    def take_losses(self) -> float:
        """The sum of the losses (nats a target) of all steps since it was last asked for."""
        total, self._losses = self._losses, 0.0
        return total

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
