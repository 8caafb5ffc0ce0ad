"""Where mentions begin and end, as what a step learns."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..learning.examples import TrainingText
from ..learning.pointing import PointingPass, pointing_passes
from ..lm.language_model import LanguageModel
from ..prompts.template import PromptTemplate
from .trainer import Step


@dataclass(frozen=True)
class PointingTask:
    """token_budget: tokens of a forward pass. filler: a text for processes that have none in a
    step. drop: dropout."""

    lm: LanguageModel
    template: PromptTemplate
    token_budget: int
    filler: TrainingText
    drop: float = 0.0

    def passes(self, step: Step) -> list[PointingPass]:
        both_ways = self.template.bidirectional
        return pointing_passes(self.lm, step.texts, both_ways, self.token_budget, self.drop)

    def idle(self) -> PointingPass:
        return PointingPass([self.filler], self.template.bidirectional, self.drop)

    def losses(self, one: PointingPass, wrapped: Any) -> tuple[torch.Tensor, None]:
        lm = self.lm if wrapped is None else replace(self.lm, wrapped=wrapped)
        return one.loss(lm), None
