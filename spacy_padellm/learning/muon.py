"""Muon: steps of matrices along the orthogonal part of their momentum, for models from scratch."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from .optimizer import weight_groups


class Muon(torch.optim.AdamW):
    """Muon for some matrices, AdamW for all other weights, as groups of one optimizer.

    A matrix steps along the orthogonal part of its momentum (Jordan et al., 2024), scaled to the
    size of AdamW's steps (Liu et al., "Muon is scalable for LLM training", 2025).

    `torch.optim.Muon` computes in bfloat16, which a CPU without instructions for it does ten times
    slower than this in the weights' own precision.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        rest: Iterable[nn.Parameter] = (),
        learn_rate: float = 1e-3,
        weight_decay: float = 0.05,
    ) -> None:
        groups = [
            {"params": list(matrices), "weight_decay": weight_decay, "momentum": 0.95},
            *weight_groups(rest, weight_decay),
        ]
        super().__init__(groups, lr=learn_rate, betas=(0.9, 0.98), fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        groups = self.param_groups
        try:
            for group in groups:
                if "momentum" in group:
                    self._step_matrices(group)
            self.param_groups = [group for group in groups if "momentum" not in group]
            super().step(closure)
        finally:
            self.param_groups = groups

    def _step_matrices(self, group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[tuple[nn.Parameter, torch.Tensor]]] = {}
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["step"] = torch.zeros(())  # without which AdamW loads no state
                state["momentum"] = torch.zeros_like(weight)
            state["step"] += 1
            momentum = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
            ahead = weight.grad.lerp(momentum, group["momentum"])
            alike.setdefault(weight.shape, []).append((weight, ahead))
        for matrix_shape, found in alike.items():
            steps = _orthogonal(torch.stack([ahead for _, ahead in found]))
            size = -group["lr"] * 0.2 * math.sqrt(max(matrix_shape))
            for (weight, _), step in zip(found, steps, strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=size)


def make_muon(
    trained: nn.Module, layers: nn.Module, learn_rate: float = 1e-3, weight_decay: float = 0.05
) -> Muon:
    """Muon for the matrices of a model's layers, AdamW for all else that is trained."""
    matrices = [p for p in layers.parameters() if p.ndim == 2 and p.requires_grad]
    taken = {id(p) for p in matrices}
    rest = [p for p in trained.parameters() if id(p) not in taken]
    return Muon(matrices, rest, learn_rate, weight_decay)


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
