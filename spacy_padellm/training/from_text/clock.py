"""Stops a run at the end of its budget; evaluates and saves by the clock."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerControl as Control
from transformers import TrainerState as State
from transformers.trainer_callback import ExportableState

from ..budget import Budget
from ..callbacks import RunCallback, best_evaluation
from ..report import write_log


class Clock(RunCallback, ExportableState):
    """evaluate_seconds: None for never. spent: seconds of steps, over all resumed runs; scores and
    checkpoints do not count. cpu: the same of the processor, all threads together. counts: has the
    tokens seen so far under "tokens"."""

    counts: Mapping[str, Any]

    def __init__(
        self, budget: Budget, evaluate_seconds: float | None, checkpoint_seconds: float, mend: str
    ) -> None:
        super().__init__(0, 0, log_every=50, mend=mend)
        self.budget = budget
        self.evaluate_seconds = evaluate_seconds
        self.checkpoint_seconds = checkpoint_seconds
        self.spent = self.cpu = 0.0
        self._since: float | None = None  # when the step that is running began
        self._cpu_since = 0.0
        self._scored = self._saved = 0.0  # when it was last done
        self._logged = (0.0, 0)  # seconds and tokens

    def part(self, step: int) -> float:
        """The part of the budget that is spent, amid a step too."""
        running = 0.0 if self._since is None else time.monotonic() - self._since
        return self.budget.part(self.spent + running, step)

    def state(self) -> dict[str, Any]:
        return {"args": {}, "attributes": {"spent": self.spent, "cpu": self.cpu}}

    def due(self, step: int) -> tuple[bool, bool]:
        now = time.monotonic()
        scores = self.evaluate_seconds is not None and now - self._scored > self.evaluate_seconds
        return scores, now - self._saved > self.checkpoint_seconds

    def on_train_begin(self, args: Any, state: State, control: Control, **given: Any) -> None:
        self.spent, self.cpu = spent_before(state), cpu_before(state)
        self._scored = self._saved = self._begin_step()
        self._logged = self.spent, self.counts["tokens"]
        self._keep_best(args, state)

    def on_step_end(self, args: Any, state: State, control: Control, **given: Any) -> None:
        before, cpu_before_it = self._since, self._cpu_since
        now = self._begin_step()
        self.spent += now - (before or now)
        self.cpu += self._cpu_since - cpu_before_it
        if self.budget.part(self.spent, state.global_step) >= 1:
            control.should_training_stop = True
        super().on_step_end(args, state, control, **given)
        control.should_evaluate &= self.evaluate_seconds is not None

    def on_log(self, args: Any, state: State, control: Control, **given: Any) -> None:
        if "loss" not in state.log_history[-1]:
            return
        seconds, tokens = self.spent - self._logged[0], self.counts["tokens"] - self._logged[1]
        self._logged = self.spent, self.counts["tokens"]
        state.log_history[-1]["tokens_a_second"] = tokens / max(seconds, 1e-9)

    def on_evaluate(self, args: Any, state: State, control: Control, **given: Any) -> None:
        """The best weights are saved at once, and stay."""
        best = best_evaluation(state)
        if best and best[1] == state.global_step:
            self._keep_best(args, state)
            control.should_save = True
        self._scored = self._begin_step()

    def on_save(self, args: Any, state: State, control: Control, **given: Any) -> None:
        super().on_save(args, state, control, **given)
        write_log(Path(args.output_dir), state.log_history)
        self._saved = self._begin_step()

    def on_epoch_end(self, *args: Any, **kwargs: Any) -> None:
        """Epochs of the Trainer are none of ours."""

    def _begin_step(self) -> float:
        """The time by the clock."""
        self._since, self._cpu_since = time.monotonic(), time.process_time()
        return self._since

    def _keep_best(self, args: Any, state: State) -> None:
        """So that the Trainer does not remove that checkpoint."""
        if best := best_evaluation(state):
            state.best_model_checkpoint = str(Path(args.output_dir) / f"checkpoint-{best[1]}")


def spent_before(state: State) -> float:
    """Seconds that a run had spent at its checkpoint."""
    return float(_attributes(state).get("spent", 0.0))


def cpu_before(state: State) -> float:
    """Seconds of the processor that a run had used at its checkpoint; 0 where that does not say."""
    return float(_attributes(state).get("cpu", 0.0))


def _attributes(state: State) -> dict[str, Any]:
    callbacks: Any = state.stateful_callbacks or {}
    found: dict[str, Any] = callbacks.get(Clock.__name__, {}).get("attributes", {})
    return found
