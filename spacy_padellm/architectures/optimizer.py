"""Steps of torch's AdamW with the hyper-parameters of a thinc optimizer."""

import torch
from thinc.api import Optimizer

from ..learning.optimizer import make_adamw


class ThincAdamW:
    """One for the life of a model's weights; each step takes what the thinc optimizer says then."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.adamw = make_adamw(model)
        for group in self.adamw.param_groups:
            group["decays"] = group["weight_decay"] > 0

    def step(self, optimizer: Optimizer, divisor: float) -> None:
        """Divides the gradients, clips the norm of all of them together, steps and clears them.

        Raises ValueError for an optimizer that is not of the Adam kind.
        """
        if not (optimizer.b1 and optimizer.b2):
            raise ValueError(
                "the optimizer has no moments (beta1 or beta2 is 0): set "
                '@optimizers = "Adam.v1" in [training.optimizer]'
            )
        weights = []
        for group in self.adamw.param_groups:
            group["lr"] = float(optimizer.learn_rate)
            group["betas"] = (float(optimizer.b1), float(optimizer.b2))
            group["eps"] = float(optimizer.eps)
            decay = float(optimizer.L2) if group["decays"] else 0.0
            group["weight_decay"] = decay if optimizer.L2_is_weight_decay else 0.0
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                weight.grad.div_(divisor)
                if decay and not optimizer.L2_is_weight_decay:
                    weight.grad.add_(weight.detach(), alpha=decay)
                weights.append(weight)
        if optimizer.grad_clip:
            torch.nn.utils.clip_grad_norm_(weights, float(optimizer.grad_clip))
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
