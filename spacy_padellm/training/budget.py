"""What a training run may take."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """seconds or steps, over all runs that are resumed. Raises ValueError unless one of them is
    given, and above 0."""

    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError("give either `seconds` or `steps`")
        for name, value in (("seconds", self.seconds), ("steps", self.steps)):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}: it must be above 0")

    def part(self, seconds: float, steps: int) -> float:
        """The part of it that is spent after so many seconds and steps; from 1 there is none
        left."""
        return seconds / self.seconds if self.seconds else steps / (self.steps or 1)
