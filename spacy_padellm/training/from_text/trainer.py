"""The Trainer of text files: a budget of time or steps, the best weights kept.

Checkpoints hold the weights that are trained, among them what is trained along and dropped
afterwards (`tagging`).
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainingArguments

from ...atomic import alone_in, claim
from ...learning.optimizer import check_loss, warmup_cosine
from ..budget import Budget
from ..callbacks import ENDLESS, ProgressBar, best_evaluation
from ..checkpoints import Checkpoint, check, last_whole, telling_of_full_disk
from ..report import read_log, write_log
from ..trainer import ARGUMENTS, Step, StepTrainer, Task
from .clock import Clock, spent_before

logger = logging.getLogger(__name__)
WEIGHTS = "weights.pt"
MEND = "lower the learning rate; the same command goes on from the last checkpoint"


def train(
    trained: nn.Module,
    task: Task,
    steps: Callable[[int], Iterable[Step]],
    output: Path,
    budget: Budget,
    device: torch.device,
    *,
    optimizer: Callable[[nn.Module], torch.optim.Optimizer],
    learn_rate: float,
    clip: float,
    checkpoint_seconds: float,
    label: str,
    score: Callable[[], float] | None = None,
    evaluate_seconds: float = 600,
    request: dict[str, Any] | None = None,
    show: bool = True,
) -> list[dict[str, Any]]:
    """Trains in place, from the last checkpoint in `output` if there is one; returns the log.

    steps: the stream from a step on. optimizer: as of `StepTrainer`. clip: the greatest norm of all
    gradients, 0 for any. score: higher is better; the best weights are the result. request: what
    the run is of, in plain values. label: of the progress bar, if it is to show.

    Raises ValueError for a loss that is not a number, a checkpoint of another model, and an output
    of another request, or that another run writes to at this moment; OSError for a full disk.
    """
    where = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    with alone_in(output), telling_of_full_disk(output, "give the same command again"), where:
        if request is not None:
            claim(output, request)
        found = last_whole(output)
        clock = Clock(budget, score and evaluate_seconds, checkpoint_seconds, MEND)
        schedule = warmup_cosine()
        trainer = TextTrainer(
            trained,
            task,
            steps(found.step if found else 0),
            _arguments(output, budget.steps or ENDLESS, clip, score is not None, device),
            optimizer=optimizer,
            rate=lambda step: learn_rate * schedule(clock.part(step)),
            evaluate_with=lambda: {"score": score()} if score else {},
            mend=MEND,
        )
        clock.counts = trainer.seen
        trainer.add_callback(clock)
        trainer.add_callback(ProgressBar(trainer.seen, show, label, clock.part))
        trainer.go_on_from(
            found.path if found else None,
            lambda state: budget.part(spent_before(state), state.global_step) >= 1,
        )
        if score is not None:
            trainer.take_best()
        write_log(output, trainer.state.log_history)
    return read_log(trainer.state.log_history)


class _Arguments(TrainingArguments):
    """Of a run where the model is, which need not be the first device."""

    on: torch.device | None = None
    place_model_on_device = False

    @property
    def device(self) -> torch.device:
        first = super().device
        return self.on or first


def _arguments(
    output: Path, max_steps: int, clip: float, scored: bool, device: torch.device
) -> _Arguments:
    chosen: dict[str, Any] = {
        **ARGUMENTS,
        "output_dir": str(output),
        "max_steps": max_steps,
        "max_grad_norm": clip,
        "seed": 0,
        "use_cpu": device.type == "cpu",
        "save_total_limit": 2 + scored,  # the last, the one before, the best
        "report_to": [],
    }
    args = _Arguments(**chosen)
    args.on = device
    args._n_gpu = min(args.n_gpu, 1)  # no nn.DataParallel
    return args


class TextTrainer(StepTrainer):
    """In one process. The loss of its log is that of targets alone (nats), without what is trained
    along."""

    _summed = (0.0, 0.0)  # losses and their weights since the last log

    def take_best(self) -> None:
        """The weights of the best score, where they are not the last; with a warning, the last
        where those are damaged."""
        best = best_evaluation(self.state)
        if best is None or best[1] == self.state.global_step:
            return
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{best[1]}"
        if wrong := check(Checkpoint(folder, best[1])).wrong:
            logger.warning(
                "%s is damaged (%s); the last weights are taken instead of the best", folder, wrong
            )
        else:
            self._load_from_checkpoint(str(folder))

    def compute_loss_context_manager(self) -> contextlib.ExitStack:
        stack = super().compute_loss_context_manager()
        device = self.args.device.type
        stack.enter_context(torch.autocast(device, torch.bfloat16, enabled=device == "cuda"))
        return stack

    def note(self, loss: torch.Tensor, one: Any) -> None:
        """Raises ValueError where it is not a number, before weights learn from it."""
        found = check_loss(loss.item(), self.state.global_step + 1, self.mend)
        self._summed = self._summed[0] + found, self._summed[1] + one.weight

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs["loss"] = self._summed[0] / max(self._summed[1], 1.0)
            self._summed = 0.0, 0.0
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        self.trained.eval()
        found = super().evaluate(*args, **kwargs)
        logger.info("step %d: score %.4f", self.state.global_step, found["eval_score"])
        return found

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        frozen = {name for name, p in self.trained.named_parameters() if not p.requires_grad}
        state = self.trained.state_dict()
        torch.save({k: value for k, value in state.items() if k not in frozen}, folder / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Raises ValueError for weights of another model."""
        path = Path(resume_from_checkpoint) / WEIGHTS
        saved = torch.load(path, map_location="cpu", weights_only=True)
        own = self.trained.state_dict()
        for name, value in saved.items():
            if name not in own or own[name].shape != value.shape:
                raise ValueError(
                    f"{path.parent.parent} has the checkpoint of another model, with {name}: give "
                    f"another output"
                )
        self.trained.load_state_dict(saved, strict=False)
