"""Counts and mentions of texts, in packed trees, as what a step learns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..learning.batch import TrainingBatch, batch_loss, make_batch_for, plan_passes
from ..learning.examples import TrainingText
from ..lm.language_model import LanguageModel
from ..prompts.template import PromptTemplate
from .trainer import Step


@dataclass(frozen=True)
class TreeTask:
    """token_budget: tokens of a forward pass; None for one pass a step. filler: a text for
    processes that have none in a step. row_width, text_loss: see `batch.make_batch`. along: a
    further loss of a pass, as a mean."""

    lm: LanguageModel
    template: PromptTemplate
    token_budget: int | None = None
    filler: TrainingText | None = None
    row_width: int = 512
    text_loss: float = 0.0
    along: Callable[[TrainingBatch], torch.Tensor] | None = None

    def passes(self, step: Step) -> list[TrainingBatch]:
        if self.token_budget is None:
            return [self._batch(step.texts)]
        return [self._batch(texts) for texts in plan_passes(self.lm, step.texts, self.token_budget)]

    def idle(self) -> TrainingBatch:
        assert self.filler is not None
        return self._batch([self.filler])

    def losses(self, one: TrainingBatch, wrapped: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        lm = self.lm if wrapped is None else replace(self.lm, wrapped=wrapped)
        loss = batch_loss(lm, one)
        return loss, self.along(one) if self.along else None

    def _batch(self, texts: Sequence[TrainingText]) -> TrainingBatch:
        return make_batch_for(self.lm, self.template, texts, self.row_width, self.text_loss)
