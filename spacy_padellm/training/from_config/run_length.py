"""What ends a run, in words."""

from collections.abc import Mapping
from typing import Any

from ...plurals import count
from ...spans.numeric import check_number

_LEAST = {"max_steps": 0, "max_epochs": -1, "patience": 0, "eval_frequency": 1}


def say_length(training: Mapping[str, Any]) -> str:
    """Such as "100 steps, evaluated every 10 steps".

    training: of a config that a recipe has made, interpolated. Raises ValueError for what are no
    numbers of steps.
    """
    for name, least in _LEAST.items():
        check_number(f"training.{name}", training[name], least=least, whole=True)
    steps, epochs, patience, every = (training[name] for name in _LEAST)
    total = training["optimizer"]["learn_rate"]["total_steps"]
    ends = []
    if steps:
        ends.append(f"{count(steps, 'step')}{f' of {total:,} planned' if steps < total else ''}")
    if epochs > 0:
        ends.append(count(epochs, "epoch"))
    if patience:
        ends.append(f"{count(patience, 'step')} without a better score")
    told = " or ".join(ends) or "no limit (stop it with Ctrl-C)"
    if len(ends) > 1:
        told += ", whichever comes first"
    at_end = len(ends) == 1 and 0 < steps <= every
    told += ", evaluated at the end" if at_end else f", evaluated every {count(every, 'step')}"
    if not steps or steps > total:
        told += f". The learning rate is 0 from step {total:,}"
    return told
