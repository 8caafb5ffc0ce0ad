"""The Trainer of a config: any number of processes, each with its share of a step.

A step is a list of packed passes, its loss is divided by the targets of all passes of all
processes. Data parallel, FSDP, DeepSpeed and mixed precision are the Trainer's and accelerate's.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import TrainingArguments

from ...learning.batch import TrainingBatch, batch_loss, batch_size, make_batch_for
from ...learning.examples import TrainingText
from ...learning.optimizer import AdamSettings, make_adam
from ...lm.batching import plan_batches
from ...lm.language_model import LanguageModel
from ...prompts.template import PromptTemplate
from ..trainer import StepStream, StepTrainer


@dataclass(frozen=True)
class PackedPasses:
    """The forward passes of a step; the last `idle` of them have no part in the loss, they keep
    processes in step that have fewer texts."""

    passes: Sequence[TrainingBatch]
    idle: int = 0


class ConfigTrainer(StepTrainer):
    """Trains a language model on packed trees.

    filler: a text for processes that have none in a step. token_budget: tokens of a forward
    pass. text_loss: see `batch.make_batch`.
    """

    mend = (
        "lower the learning rate, set grad_clip in [training.optimizer], or set mixed_precision to "
        "false"
    )

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
        super().__init__(
            lm.model,
            steps,
            args,
            optimizer=lambda model: make_adam(model, optimizer),
            rate=rate,
            evaluate_with=evaluate_with,
            **options,
        )
        self.lm = lm
        self.template = template
        self.filler = filler
        self.token_budget = token_budget
        self.text_loss = text_loss
        self._losses = 0.0  # summed over steps
        self._logged_at: int | None = None

    # --- a step

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, torch.Tensor | int | None]:
        """The passes of the next step, and the targets in it over all processes."""
        step = self.take_step(epoch_iterator)
        if step is None:
            return [], None
        if self._logged_at is None:
            self._logged_at = self.state.global_step
        packed = self._pack(step.texts)
        own = sum(batch.weight for batch in packed.passes)
        tokens = sum(batch.n_tokens for batch in packed.passes)
        mine = torch.tensor([own, len(packed.passes), tokens], device=device)
        everyone = self.accelerator.gather(mine).view(-1, 3)
        idle = int(everyone[:, 1].max().item()) - len(packed.passes)
        packed = self._fill(packed, max(idle, 0 if packed.passes else 1))
        self.seen["tokens"] += int(everyone[:, 2].sum().item())
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
        super().log(logs, start_time)
        if "loss" in logs:
            self._losses += logs["loss"] * (self.state.global_step - (self._logged_at or 0))
            self._logged_at = self.state.global_step

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
