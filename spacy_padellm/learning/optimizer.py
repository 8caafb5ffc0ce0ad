"""AdamW, a learning-rate schedule, and checks of losses, gradients and weights."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class AdamSettings:
    """weight_decay: of weights of two and more dimensions, apart from the gradient (AdamW), or
    with `decoupled` false added to it as L2."""

    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 0.05
    decoupled: bool = True

    def apply(self, optimizer: torch.optim.Optimizer, learn_rate: float) -> None:
        """An optimizer that was made with others has these from now on, but for `decoupled`."""
        for group in optimizer.param_groups:
            decays = group["params"][0].ndim > 1
            group.update(lr=learn_rate, betas=self.betas, eps=self.eps)
            group["weight_decay"] = self.weight_decay if decays else 0.0


def make_adam(
    model: nn.Module, settings: AdamSettings | None = None, learn_rate: float = 1.0
) -> torch.optim.Optimizer:
    """AdamW, or Adam, over all trainable weights; one-dimensional ones (norms, biases) do not
    decay. learn_rate: 1 for a schedule of absolute rates to multiply."""
    settings = settings or AdamSettings()
    kind = torch.optim.AdamW if settings.decoupled else torch.optim.Adam
    groups = weight_groups(model.parameters(), settings.weight_decay)
    return kind(groups, lr=learn_rate, betas=settings.betas, eps=settings.eps, fused=True)


def check_loss(loss: float, step: int | None, mend: str) -> float:
    """The loss. Raises ValueError, with the mend, where it is not a number."""
    if not math.isfinite(loss):
        at = "" if step is None else f" at step {step}"
        raise ValueError(f"the loss is {loss}{at}: {mend}")
    return loss


def check_gradient(norm: float, mend: str) -> float:
    """The norm of all gradients. Raises ValueError, with the mend, where it is not a number."""
    if not math.isfinite(norm):
        raise ValueError(f"the gradient is not a number: {mend}")
    return norm


def check_weights(model: nn.Module, step: int, mend: str) -> None:
    """Raises ValueError, with the mend, where a trained weight is not a number."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not torch.isfinite(weight.detach()).all():
            raise ValueError(f"the weights are no numbers any more at step {step} ({name}): {mend}")


def weight_groups(weights: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Those that are trained, apart by whether they decay."""
    trained = [p for p in weights if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def warmup_cosine(warmup: float = 0.03, floor: float = 0.05) -> Schedule:
    """The factor on the learning rate for a part done between 0 and 1."""

    def factor(done: float) -> float:
        if done < warmup:
            return max(done / warmup, 1e-3)
        rest = (min(done, 1.0) - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * rest))

    return factor
