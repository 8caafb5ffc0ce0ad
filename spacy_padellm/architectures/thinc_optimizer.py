"""A thinc optimizer, which spaCy configs name, as torch is to have it."""

from thinc.api import Optimizer

from ..learning.optimizer import AdamSettings


class Rates:
    """The learning rate of each step, from the schedule of a config's optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._rates: list[float] = []

    def __call__(self, step: int) -> float:
        while len(self._rates) <= step:
            self._rates.append(float(self._optimizer.learn_rate))
            self._optimizer.step_schedules()
        return self._rates[step]


def adam_settings(optimizer: Optimizer) -> AdamSettings:
    """What it says now. Raises ValueError for an optimizer that is not of the Adam kind."""
    if not (optimizer.b1 and optimizer.b2):
        raise ValueError(
            "the optimizer has no moments (beta1 or beta2 is 0): set "
            '@optimizers = "Adam.v1" in [training.optimizer]'
        )
    return AdamSettings(
        betas=(float(optimizer.b1), float(optimizer.b2)),
        eps=float(optimizer.eps),
        weight_decay=float(optimizer.L2),
        decoupled=bool(optimizer.L2_is_weight_decay),
    )
