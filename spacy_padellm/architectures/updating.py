"""Training of the model that a shim holds: gradients of prompt trees, steps of torch's AdamW."""

from collections.abc import Iterator, Sequence

import torch
from thinc.api import Optimizer

from ..learning.batch import TrainingBatch, batch_loss, make_batch_for, plan_passes
from ..learning.examples import TrainingText
from ..learning.optimizer import check_gradient, check_loss, make_adam
from ..learning.pointing import PointingPass, check_text_loss, pointing_passes
from ..lm.gradients import gradients_on
from ..lm.language_model import LanguageModel
from ..models.loaded_model import LoadedModel
from ..models.mixed_precision import autocast
from .thinc_optimizer import adam_settings

MEND = (
    "lower the learning rate, set grad_clip in [training.optimizer], or set model.dtype to "
    "'float32'"
)


class Updates:
    """Of a model that is ready for training (`models.trainable`).

    mixed_precision: bfloat16 autocast. Gradients of all batches since the last step are summed,
    and divided by their number of targets in `step`: accumulated batches equal one large batch.
    """

    def __init__(self, loaded: LoadedModel[LanguageModel], mixed_precision: bool = False) -> None:
        self.loaded = loaded
        self.mixed_precision = mixed_precision
        self.optimizer: torch.optim.Optimizer | None = None  # made at the first step
        self._n_targets = 0.0

    @gradients_on()
    def add_gradients(
        self,
        texts: Sequence[TrainingText],
        token_budget: int,
        text_loss: float = 0.0,
        drop: float = 0.0,
    ) -> float:
        """Adds the gradients of all texts; returns the mean loss (nats) of a target token.

        token_budget: tokens of the language model in one forward pass. text_loss: see
        `learning.batch.make_batch`. drop: dropout, of a model that points. Raises ValueError where
        the loss is not a number.
        """
        lm = self.loaded.lm
        lm.trained.train()
        total, n_targets = 0.0, 0.0
        for batch in self._batches(texts, token_budget, text_loss, drop):
            with autocast(lm.trained, lm.device, self.mixed_precision):
                loss = batch.loss(lm) if isinstance(batch, PointingPass) else batch_loss(lm, batch)
            total += check_loss(loss.item(), None, MEND)
            loss.backward()
            n_targets += batch.weight
            self._n_targets += batch.weight
        return total / max(n_targets, 1.0)

    def _batches(
        self, texts: Sequence[TrainingText], token_budget: int, text_loss: float, drop: float
    ) -> Iterator[TrainingBatch | PointingPass]:
        lm, template = self.loaded.lm, self.loaded.template
        if lm.points:
            check_text_loss(text_loss)
            yield from pointing_passes(lm, texts, template.bidirectional, token_budget, drop)
            return
        for some in plan_passes(lm, texts, token_budget):
            yield make_batch_for(lm, template, some, text_loss=text_loss)

    @gradients_on()
    def step(self, optimizer: Optimizer) -> bool:
        """Steps as a thinc optimizer says now, its clip taken over all gradients together; whether
        there were any. Raises ValueError for an optimizer that is not of the Adam kind, and,
        without a step, where the gradient is not a number."""
        if self._n_targets == 0:
            return False
        settings = adam_settings(optimizer)
        if self.optimizer is None:
            self.optimizer = make_adam(self.loaded.lm.trained, settings)
        groups = self.optimizer.param_groups
        weights = [w for group in groups for w in group["params"] if w.grad is not None]
        for weight in weights:
            weight.grad.div_(self._n_targets)
        self._n_targets = 0.0
        if optimizer.grad_clip:
            norm = torch.nn.utils.clip_grad_norm_(weights, float(optimizer.grad_clip))
            try:
                check_gradient(float(norm), MEND)
            except ValueError:  # who goes on begins with none
                self.optimizer.zero_grad(set_to_none=True)
                raise
        settings.apply(self.optimizer, float(optimizer.learn_rate))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return True
