"""transformers' Trainer over packed prompt trees: any number of processes, checkpoints, resume.

Data parallel, FSDP, DeepSpeed, mixed precision and checkpoints are the Trainer's and
accelerate's; here is what differs: a step is a list of packed passes, its loss is divided by the
targets of all passes of all processes, and scores come from decoding.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer, TrainingArguments

from ..learning.batch import TrainingBatch, batch_loss, batch_size, make_batch_for
from ..learning.examples import TrainingText
from ..learning.optimizer import AdamSettings, make_adam
from ..lm.batching import plan_batches
from ..lm.language_model import LanguageModel
from ..prompts.template import PromptTemplate

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """This process's share of an optimiser step. number: from 0; epoch: 1.5 is amid the second;
    words: of all processes."""

    number: int
    epoch: float
    words: int
    texts: Sequence[TrainingText]


@dataclass(frozen=True)
class PackedPasses:
    """The forward passes of a step; the last `idle` of them have no part in the loss, they keep
    processes in step that have fewer texts."""

    passes: Sequence[TrainingBatch]
    idle: int = 0


class StepStream(IterableDataset):
    """Steps as an endless or finite stream."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = steps

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)


class TreeTrainer(Trainer):
    """Trains a language model on packed trees.

    filler: a text for processes that have none in a step. token_budget: tokens of a forward
    pass. text_loss: see `batch.make_batch`. rate: the learning rate of each step, from 0.
    evaluate_with: scores the model where all processes call it; a score (higher is better)
    under "score" and whatever else.
    """

    def __init__(
        self,
        lm: LanguageModel,
        template: PromptTemplate,
        steps: StepStream,
        args: TrainingArguments,
        *,
        filler: TrainingText,
        optimizer: AdamSettings,
        rate: Callable[[int], float],
        evaluate_with: Callable[[], dict[str, Any]],
        token_budget: int = 4096,
        text_loss: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(model=lm.model, args=args, train_dataset=steps, **options)
        self.lm = lm
        self.template = template
        self.filler = filler
        self.adam = optimizer
        self.rate = rate
        self.evaluate_with = evaluate_with
        self.token_budget = token_budget
        self.text_loss = text_loss
        # `compute_loss` divides by the targets of the whole step itself.
        self.loss_is_scaled_for_ga = True
        self.current: Step | None = None
        self.seen: dict[str, Any] = {"tokens": 0, "words": 0}
        self._losses = 0.0  # summed over steps
        self._logged_at = 0

    # --- what the Trainer is made of

    def get_train_dataloader(self) -> DataLoader:
        """Steps are shared out among processes already."""
        stream: Any = self.train_dataset
        # With a generator of its own: a draw from the global one would shift dropout on resuming.
        draws = torch.Generator().manual_seed(self.args.seed)
        return DataLoader(stream, batch_size=None, collate_fn=lambda step: step, generator=draws)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            trained: Any = model or self.model
            self.optimizer = make_adam(trained, self.adam)
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
        packed = self._pack(step.texts)
        own = sum(batch.weight for batch in packed.passes)
        tokens = sum(batch.n_tokens for batch in packed.passes)
        mine = torch.tensor([own, len(packed.passes), tokens], device=device)
        everyone = self.accelerator.gather(mine).view(-1, 3)
        idle = int(everyone[:, 1].max().item()) - len(packed.passes)
        packed = self._fill(packed, max(idle, 0 if packed.passes else 1))
        self.seen["tokens"] += int(everyone[:, 2].sum().item())
        self.seen["words"] += step.words
        return [{"step": packed}], everyone[:, 0].sum().clamp(min=1.0)

    def _pack(self, texts: Sequence[TrainingText]) -> PackedPasses:
        plans = plan_batches([batch_size(self.lm, text) for text in texts], self.token_budget)
        return PackedPasses([self._batch([texts[i] for i in plan]) for plan in plans])

    def _fill(self, packed: PackedPasses, idle: int) -> PackedPasses:
        if not idle:
            return packed
        return PackedPasses([*packed.passes, *[self._batch([self.filler])] * idle], idle)

    def _batch(self, texts: Sequence[TrainingText]) -> TrainingBatch:
        return make_batch_for(self.lm, self.template, texts, text_loss=self.text_loss)

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: Any,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """All passes of a step; gradients of processes are exchanged after the last."""
        packed: PackedPasses = inputs["step"]
        total = torch.zeros((), device=self.args.device)
        last = len(packed.passes) - 1
        for number, batch in enumerate(packed.passes):
            counts = number <= last - packed.idle
            together = number == last
            self.accelerator.gradient_state._set_sync_gradients(together)
            context = contextlib.nullcontext() if together else self.accelerator.no_sync(model)
            with context:
                one = {"batch": batch, "counts": counts}
                total += super().training_step(model, one, num_items_in_batch)
        return total

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Of a pass: its cross-entropies over the targets of the whole step."""
        lm = self.lm if model is self.lm.model else replace(self.lm, wrapped=model)
        loss = batch_loss(lm, inputs["batch"]) * float(inputs["counts"])
        # Processes average their gradients; their losses are parts of one sum.
        loss = loss * self.accelerator.num_processes / num_items_in_batch
        return (loss, {}) if return_outputs else loss

    # --- around the steps

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Raises ValueError where the loss is no number any more."""
        loss = logs.get("loss", 0.0)
        if not all(math.isfinite(float(logs.get(name, 0.0))) for name in ("loss", "grad_norm")):
            raise ValueError(
                f"the loss is {loss} at step {self.state.global_step}: lower the learning rate, "
                f"set grad_clip in [training.optimizer], or set mixed_precision to false"
            )
        if "loss" in logs:
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
