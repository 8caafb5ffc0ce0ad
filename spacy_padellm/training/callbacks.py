"""When a run evaluates, saves and stops, and its progress bar."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers import TrainerControl as Control
from transformers import TrainerState as State

from ..learning.optimizer import check_weights
from ..progress import Progress, progress
from .checkpoints import write_checksums

ENDLESS = 10**9  # steps of a run that patience or the data will end


class RunCallback(TrainerCallback):
    """evaluate_every, save_every, log_every: in steps; a run that ends does all three.

    patience: steps without a better score after which it ends, 0 for never. mend: what to do where
    weights are no numbers any more.
    """

    def __init__(
        self,
        evaluate_every: int,
        save_every: int,
        patience: int = 0,
        log_every: int = 10,
        *,
        mend: str,
    ) -> None:
        self.evaluate_every = evaluate_every
        self.save_every = save_every
        self.patience = patience
        self.log_every = log_every
        self.mend = mend
        self._begun_at = self._evaluated_at = 0

    def due(self, step: int) -> tuple[bool, bool]:
        """Whether to evaluate after a step that is not the last, and to save."""
        return step % self.evaluate_every == 0, step % self.save_every == 0

    def on_train_begin(self, args: Any, state: State, control: Control, **given: Any) -> None:
        self._begun_at = self._evaluated_at = state.global_step

    def on_step_end(self, args: Any, state: State, control: Control, **given: Any) -> None:
        """Raises ValueError before weights that are no numbers would be kept."""
        step = state.global_step
        ends = control.should_training_stop or step >= state.max_steps
        evaluate, save = self.due(step)
        control.should_evaluate, control.should_save = ends or evaluate, ends or save
        wanted = control.should_evaluate or control.should_save
        control.should_log = wanted or step % self.log_every == 0
        if wanted:
            check_weights(given["model"], step, self.mend)

    def on_evaluate(self, args: Any, state: State, control: Control, **given: Any) -> None:
        self._evaluated_at = state.global_step
        best = best_evaluation(state)
        if self.patience and best and state.global_step - best[1] >= self.patience:
            control.should_training_stop = control.should_save = True

    def on_save(self, args: Any, state: State, control: Control, **given: Any) -> None:
        """Lets a damaged checkpoint be known as such."""
        if args.world_size > 1:  # each process writes a share
            args.distributed_state.wait_for_everyone()
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if args.process_index == 0 and folder.is_dir():
            write_checksums(folder)

    def on_epoch_end(self, args: Any, state: State, control: Control, **given: Any) -> None:
        """Where the data ended before `max_steps`."""
        if state.global_step > max(self._begun_at, self._evaluated_at):
            control.should_log = control.should_evaluate = control.should_save = True


class ProgressBar(TrainerCallback):
    """Steps with loss, tokens per second and the time left.

    counts: has the tokens seen so far under "tokens". part: what part of a run (0 to 1) is done
    after a step; the bar then shows percent, not steps.
    """

    def __init__(
        self,
        counts: dict[str, Any],
        show: bool = True,
        label: str = "train",
        part: Callable[[int], float] | None = None,
    ) -> None:
        self.counts = counts
        self.show = show
        self.label = label
        self.part = part
        self.bar: Progress | None = None
        self._before = (0.0, 0)

    def on_train_begin(self, args: Any, state: State, control: Control, **given: Any) -> None:
        total = None if state.max_steps >= ENDLESS else state.max_steps
        self.bar = progress(
            100 if self.part else total,
            "%" if self.part else "steps",
            self.label,
            done=self._place(state),
            show=self.show,
        )
        self._before = (time.monotonic(), self.counts["tokens"])

    def on_step_end(self, args: Any, state: State, control: Control, **given: Any) -> None:
        assert self.bar is not None
        self.bar.update(self._place(state) - self.bar.n)

    def _place(self, state: State) -> float:
        step = state.global_step
        return step if self.part is None else min(100, round(100 * self.part(step), 1))

    def on_log(self, args: Any, state: State, control: Control, **given: Any) -> None:
        logs = given.get("logs") or {}
        if self.bar is None or "loss" not in logs:
            return
        now, tokens = time.monotonic(), self.counts["tokens"]
        rate = (tokens - self._before[1]) / max(now - self._before[0], 1e-9)
        self._before = (now, tokens)
        self.bar.set_postfix(**{"loss": f"{logs['loss']:.3f}", "tokens/s": f"{rate:,.0f}"})

    def on_evaluate(self, args: Any, state: State, control: Control, **given: Any) -> None:
        self._before = (time.monotonic(), self.counts["tokens"])  # decoding is no training

    def on_train_end(self, args: Any, state: State, control: Control, **given: Any) -> None:
        if self.bar is not None:
            self.bar.close()


def is_over(state: State, max_steps: int, patience: int) -> bool:
    """Whether a run that is resumed has ended already."""
    best = best_evaluation(state)
    waited = bool(patience and best and state.global_step - best[1] >= patience)
    return waited or state.global_step >= max_steps


def evaluations(state: State) -> list[tuple[float, int]]:
    """(score, step) of all evaluations so far, those before a resume included."""
    return [
        (entry["eval_score"], int(entry["step"]))
        for entry in state.log_history
        if "eval_score" in entry
    ]


def best_evaluation(state: State) -> tuple[float, int] | None:
    """(score, step) of the best, the earliest of equals."""
    return max(evaluations(state), key=lambda found: (found[0], -found[1]), default=None)
