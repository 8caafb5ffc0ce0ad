"""AdamW, Muon and a learning-rate schedule, for training without spaCy."""

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
    """The loss. Raises ValueError, with the mend, where it is no number."""
    if not math.isfinite(loss):
        at = "" if step is None else f" at step {step}"
        raise ValueError(f"the loss is {loss}{at}: {mend}")
    return loss


def check_gradient(norm: float, mend: str) -> float:
    """The norm of all gradients. Raises ValueError, with the mend, where it is no number."""
    if not math.isfinite(norm):
        raise ValueError(f"the gradient is no number: {mend}")
    return norm


def check_weights(model: nn.Module, step: int, mend: str) -> None:
    """Raises ValueError, with the mend, where a trained weight is no number."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not torch.isfinite(weight.detach()).all():
            raise ValueError(f"the weights are no numbers any more at step {step} ({name}): {mend}")


class Muon(torch.optim.Optimizer):
    """Steps matrices along the orthogonal part of their momentum (Jordan et al., 2024), scaled to
    the size of AdamW's steps (Liu et al., "Muon is scalable for LLM training", 2025).

    `torch.optim.Muon` computes in bfloat16, which a CPU without instructions for it does ten times
    slower than this in the weights' own precision.
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], learn_rate: float, weight_decay: float = 0.05
    ) -> None:
        defaults = {"lr": learn_rate, "weight_decay": weight_decay, "momentum": 0.95}
        super().__init__(weights, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        del closure
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[nn.Parameter, torch.Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(momentum, group["momentum"])
                alike.setdefault(weight.shape, []).append((weight, ahead))
            for matrix_shape, found in alike.items():
                steps = _orthogonal(torch.stack([ahead for _, ahead in found]))
                size = -group["lr"] * 0.2 * math.sqrt(max(matrix_shape))
                for (weight, _), step in zip(found, steps, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=size)


def _orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest matrices with singular values about 1, [n, rows, columns], by
    Newton and Schulz."""
    found = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = found.shape[-2] > found.shape[-1]
    found = found.mT if tall else found
    for _ in range(5):
        square = found @ found.mT
        found = 3.4445 * found + (2.0315 * square @ square - 4.775 * square) @ found
    return found.mT if tall else found


class MuonWithAdamW:
    """Muon for the matrices of a model's layers, AdamW for all its other weights."""

    def __init__(
        self, model: nn.Module, layers: nn.Module, learn_rate: float, weight_decay: float = 0.05
    ) -> None:
        matrices = [p for p in layers.parameters() if p.ndim == 2 and p.requires_grad]
        taken = {id(p) for p in matrices}
        rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
        groups = weight_groups(rest, weight_decay)
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            Muon(matrices, learn_rate, weight_decay),
            torch.optim.AdamW(groups, lr=learn_rate, betas=(0.9, 0.98), fused=True),
        )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for part, of_part in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(of_part)


def weight_groups(weights: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Those that are trained, apart by whether they decay."""
    trained = [p for p in weights if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def take_step(
    optimizer: torch.optim.Optimizer | MuonWithAdamW, learn_rate: float, clip: float
) -> float:
    """Clips all gradients to the norm `clip` (0 for not at all), steps, clears; returns the norm
    before. Raises ValueError, and takes no step, where that is no number."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = float(nn.utils.clip_grad_norm_(parameters, clip or math.inf))
    if not math.isfinite(norm):
        raise ValueError(
            "the gradient is no number: lower the learning rate; the same command goes on from the "
            "last checkpoint"
        )
    for group in optimizer.param_groups:
        group["lr"] = learn_rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


def warmup_cosine(warmup: float = 0.03, floor: float = 0.05) -> Schedule:
    """The factor on the learning rate for a part done between 0 and 1."""

    def factor(done: float) -> float:
        if done < warmup:
            return max(done / warmup, 1e-3)
        rest = (min(done, 1.0) - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * rest))

    return factor
