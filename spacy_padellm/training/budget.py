"""What a training loop may take, and when it must stop before that."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """seconds or steps, over all runs that are resumed. Raises ValueError as `check_budget`."""

    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        check_budget(self.seconds, self.steps)


def check_budget(seconds: float | None, steps: int | None) -> None:
    """Raises ValueError unless one of them is given, and above 0."""
    if (seconds is None) == (steps is None):
        raise ValueError("give either `seconds` or `steps`")
    for name, value in (("seconds", seconds), ("steps", steps)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}: it must be above 0")


def check_loss(loss: float, step: int) -> float:
    """The loss. Raises ValueError where it is no number, before such weights are saved."""
    if not math.isfinite(loss):
        raise ValueError(
            f"the loss is {loss} at step {step}: lower the learning rate; the same command goes on "
            f"from the last checkpoint"
        )
    return loss
