"""The Trainer of text files: one pass a step, a budget of time or steps, the best weights kept.

Checkpoints hold the weights that are trained, among them what is trained along and dropped
afterwards (`tagging`, `surface`).
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import PrinterCallback, TrainerState, TrainingArguments

from ...atomic import alone_in
from ...learning.optimizer import warmup_cosine
from ..budget import Budget
from ..callbacks import ENDLESS, ProgressBar, best_evaluation, check_loss
from ..checkpoints import STATE, Checkpoint, check, last_whole
from ..report import read_log, write_log
from ..request import keep_request
from ..trainer import Step, StepStream, StepTrainer
from .clock import MEND, Clock, spent_before

logger = logging.getLogger(__name__)
WEIGHTS = "weights.pt"


class Batch(Protocol):
    """weight: what the summed loss is to be divided by. n_tokens: padding included."""

    @property
    def weight(self) -> float: ...

    @property
    def n_tokens(self) -> int: ...


class Task(Protocol):
    """What is learned from a step."""

    def batch(self, step: Step) -> Any:
        """A `Batch`: one forward pass."""
        ...

    def losses(self, step: Step, batch: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The sum over the targets (nats), and a further loss that is trained along, as a mean."""
        ...


@dataclass(frozen=True)
class TextRun:
    """How a run is done, whatever it learns.

    output: folder for checkpoints and log.json. optimizer: makes one of what is trained, with a
    learning rate of 1. clip: the greatest norm of all gradients, 0 for any. score: higher is
    better; the best weights are the result. request: what the run is of, in plain values. label: of
    the progress bar.
    """

    output: Path
    budget: Budget
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    learn_rate: float
    clip: float = 1.0
    score: Callable[[], float] | None = None
    evaluate_seconds: float = 600
    checkpoint_seconds: float = 120
    request: dict[str, Any] | None = None
    label: str = "train"
    show: bool = True

    def train(
        self,
        trained: nn.Module,
        task: Task,
        steps: Callable[[int], Iterable[Step]],
        device: torch.device,
    ) -> list[dict[str, Any]]:
        """Trains in place, from the last checkpoint if there is one; returns the log.

        steps: the stream from a step on. Raises ValueError for a loss that is no number, a
        checkpoint of another model, and an output of another request, or that another run writes to
        at this moment.
        """
        cuda = device.type == "cuda"
        where = torch.cuda.device(device) if cuda else contextlib.nullcontext()
        with alone_in(self.output), where:
            if self.request is not None:
                keep_request(self.output / "request.json", self.request)
            found = last_whole(self.output)
            stream = StepStream(steps(found.step if found else 0))
            trainer = TextTrainer(trained, task, stream, self, device)
            trainer.run(found)
            log = trainer.state.log_history
            write_log(self.output, log)
        return read_log(log)

    def arguments(self, device: torch.device) -> TrainingArguments:
        args = _Arguments(
            output_dir=str(self.output),
            max_steps=self.budget.steps or ENDLESS,
            per_device_train_batch_size=1,
            max_grad_norm=self.clip,
            seed=0,
            use_cpu=device.type == "cpu",
            save_total_limit=2,
            eval_strategy="no",
            save_strategy="no",
            report_to=[],
            ignore_data_skip=True,
            logging_nan_inf_filter=False,
            disable_tqdm=True,
            log_level="error",
        )
        args.on = device
        args._n_gpu = min(args.n_gpu, 1)  # one device: no nn.DataParallel
        return args


class _Arguments(TrainingArguments):
    """Of a run where the model is, which need not be the first device."""

    on: torch.device | None = None
    place_model_on_device = False

    @property
    def device(self) -> torch.device:
        first = super().device
        return self.on or first


class TextTrainer(StepTrainer):
    """task: gives batches and losses."""

    mend = MEND

    def __init__(
        self, trained: nn.Module, task: Task, steps: StepStream, run: TextRun, device: torch.device
    ) -> None:
        schedule = warmup_cosine()
        super().__init__(
            trained,
            steps,
            run.arguments(device),
            optimizer=run.optimizer,
            rate=lambda step: run.learn_rate * schedule(self.clock.part(step)),
            evaluate_with=self._scores,
        )
        self.task = task
        self.asked = run
        every = run.evaluate_seconds if run.score else None
        self.clock = Clock(run.budget, self.seen, every, run.checkpoint_seconds)
        self.add_callback(self.clock)
        self.remove_callback(PrinterCallback)
        self.add_callback(ProgressBar(self.seen, run.show, run.label, self.clock.part))
        self._summed = [0.0, 0.0]  # losses and their weights since the last log

    def run(self, found: Checkpoint | None) -> None:
        """To the end of the budget, from a checkpoint; then the best weights, if scores say."""
        if found is None:
            self.train()
        else:
            state = TrainerState.load_from_json(str(found.path / STATE))
            logger.info("resuming at step %d", found.step)
            if self.asked.budget.part(spent_before(state), state.global_step) < 1:
                self.train(resume_from_checkpoint=str(found.path))
            else:
                self._load_from_checkpoint(str(found.path))
                self.state = state
        best = best_evaluation(self.state) if self.asked.score else None
        if best and best[1] != self.state.global_step:
            folder = self.asked.output / f"checkpoint-{best[1]}"
            if wrong := check(Checkpoint(folder, best[1])).wrong:
                logger.warning(
                    "%s is damaged (%s); the last weights are taken instead of the best",
                    *(folder, wrong),
                )
            else:
                self._load_from_checkpoint(str(folder))

    # --- a step

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, torch.Tensor | int | None]:
        step = self.take_step(epoch_iterator)
        if step is None:
            return [], None
        batch = self.task.batch(step)
        self.seen["tokens"] += batch.n_tokens
        return [{"step": step, "batch": batch}], torch.tensor(max(batch.weight, 1.0))

    def compute_loss_context_manager(self) -> contextlib.ExitStack:
        stack = super().compute_loss_context_manager()
        stack.enter_context(parametrize.cached())  # embeddings with `surface` features: once
        device = self.args.device.type
        stack.enter_context(torch.autocast(device, torch.bfloat16, enabled=device == "cuda"))
        return stack

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Raises ValueError where it is no number, before weights learn from it."""
        batch = inputs["batch"]
        loss, along = self.task.losses(inputs["step"], batch)
        self._summed[0] += check_loss(loss.item(), self.state.global_step + 1, self.mend)
        self._summed[1] += batch.weight
        mean = loss / max(batch.weight, 1.0)
        mean = mean if along is None else mean + along
        return (mean, {}) if return_outputs else mean

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0

    # --- around the steps

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The loss is that of targets alone (nats), without what is trained along."""
        if "loss" in logs:
            logs["loss"] = self._summed[0] / max(self._summed[1], 1.0)
            self._summed = [0.0, 0.0]
        super().log(logs, start_time)

    def _scores(self) -> dict[str, Any]:
        assert self.asked.score is not None
        self.trained.eval()
        found = self.asked.score()
        logger.info("step %d: score %.4f", self.state.global_step, found)
        return {"score": found}

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(learned_state(self.trained), folder / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Raises ValueError for weights of another model."""
        path = Path(resume_from_checkpoint) / WEIGHTS
        saved = torch.load(path, map_location="cpu", weights_only=True)
        own = self.trained.state_dict()
        for name, value in saved.items():
            if name not in own or own[name].shape != value.shape:
                raise ValueError(
                    f"{self.asked.output} has the checkpoint of another model, with {name}: give "
                    f"another output"
                )
        self.trained.load_state_dict(saved, strict=False)


def learned_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The weights that are trained; all where all are."""
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}
