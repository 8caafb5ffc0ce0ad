"""What a piece of work takes."""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
BESIDE = 1.5  # by the clock for one of the processor: more, and other work ran beside it


def ran_beside(wall: float, cpu: float) -> bool:
    """Whether a piece of work waited for the processor much of the time, by what it took by the
    clock and of the processor, in one unit."""
    return wall > BESIDE * cpu


def cpu_seconds() -> float:
    """Of this process and those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def timed(call: Callable[[], T]) -> tuple[T, dict[str, float]]:
    """What a call returns, and the minutes that it took, "cpu" and "wall"."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    result = call()
    minutes = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
    return result, {clock: seconds / 60 for clock, seconds in minutes.items()}
