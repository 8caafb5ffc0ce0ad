"""What pointers learn from gold: at every token, for every label, whether a mention begins there,
and whether one ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..lm.batching import plan_batches
from ..lm.language_model import LanguageModel
from ..lm.session import AskedLabels
from .examples import TrainingText


@dataclass(frozen=True)
class PointingPass:
    """Texts of one forward pass. bidirectional: their tokens see each other both ways. drop:
    dropout, see `PointingModel`."""

    texts: Sequence[TrainingText]
    bidirectional: bool
    drop: float = 0.0

    @property
    def weight(self) -> float:
        """Tokens: what the summed loss is to be divided by."""
        return float(sum(len(text.prompt.encoded.ids) for text in self.texts))

    @property
    def n_tokens(self) -> int:
        """Padding included."""
        return len(self.texts) * max(len(text.prompt.trunk) for text in self.texts)

    def loss(self, lm: LanguageModel) -> torch.Tensor:
        """Summed binary cross-entropies (nats) of all tokens, labels, beginnings and ends.

        A text says nothing of labels that it was not asked for.
        """
        asking = {
            label: ids
            for text in self.texts
            for label, ids in zip(text.prompt.labels, text.prompt.branches, strict=True)
        }
        asked = AskedLabels(tuple(asking), tuple(asking.values()))
        prompts = [text.prompt for text in self.texts]
        logits = lm.pointer_logits(prompts, asked, self.bidirectional, self.drop)
        targets, counted = self._targets({label: i for i, label in enumerate(asking)})
        return F.binary_cross_entropy_with_logits(
            logits, targets.to(logits), counted.to(logits).expand_as(logits), reduction="sum"
        )

    def _targets(self, columns: dict[str, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """[tokens, 2, labels], 1 where a mention begins or ends; and [tokens, 1, labels], 1 where
        that is known. columns: of labels."""
        targets = torch.zeros(int(self.weight), 2, len(columns))
        counted = torch.zeros(int(self.weight), 1, len(columns))
        begin = 0
        for text in self.texts:
            end = begin + len(text.prompt.encoded.ids)
            counted[begin:end, :, [columns[label] for label in text.prompt.labels]] = 1.0
            for start, stop, label in text.unaligned:  # where a mention is, but none can be taught
                for at, (first, last) in enumerate(text.prompt.encoded.offsets):
                    if first < stop and start < last:
                        counted[begin + at, :, columns[label]] = 0.0
            for mention in (*text.mentions, *text.beyond):
                targets[begin + mention.start, 0, columns[mention.label]] = 1.0
                targets[begin + mention.end - 1, 1, columns[mention.label]] = 1.0
            begin = end
        return targets, counted


def check_text_loss(text_loss: float) -> None:
    """Raises ValueError for any: a model that points predicts no text."""
    if text_loss:
        raise ValueError(
            f"text_loss is {text_loss:g}, but the model points at mentions and predicts no text: "
            f"set text_loss to 0"
        )


def pointing_passes(
    lm: LanguageModel,
    texts: Sequence[TrainingText],
    bidirectional: bool,
    token_budget: int,
    drop: float = 0.0,
) -> list[PointingPass]:
    """token_budget: the most tokens of a pass, padding included. Texts without tokens, from which
    nothing is learned, are left out."""
    known = [text for text in texts if text.prompt.encoded.ids]
    sizes = [len(text.prompt.trunk) for text in known]
    plans = plan_batches(sizes, min(token_budget, lm.training_tokens), padded=True)
    return [PointingPass([known[i] for i in plan], bidirectional, drop) for plan in plans]
