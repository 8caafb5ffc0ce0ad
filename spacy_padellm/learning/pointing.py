"""What pointers learn from gold: at every token, for every label, whether a mention begins there,
and whether one ends."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ..lm.language_model import LanguageModel
from .examples import TrainingText


def pointing_loss(
    lm: LanguageModel,
    texts: Sequence[TrainingText],
    labels: Sequence[str],
    label_prompts: Sequence[Sequence[int]],
    bidirectional: bool,
    drop: float = 0.0,
) -> tuple[torch.Tensor, int]:
    """Summed binary cross-entropies (nats), and the number of tokens they are summed over.

    labels: all that are asked of some of the texts; a text says nothing of those that it was not
    asked for. The loss of a token is the sum over its labels, as in a softmax over tags.
    """
    logits = lm.point_logits([t.prompt for t in texts], labels, label_prompts, bidirectional, drop)
    targets = torch.zeros(logits.shape)
    asked = torch.zeros(len(logits), 1, len(labels))
    column = {label: i for i, label in enumerate(labels)}
    begin = 0
    for text in texts:
        end = begin + len(text.prompt.encoded.ids)
        asked[begin:end, :, [column[label] for label in text.prompt.labels]] = 1.0
        for mention in text.mentions:
            targets[begin + mention.start, 0, column[mention.label]] = 1.0
            targets[begin + mention.end - 1, 1, column[mention.label]] = 1.0
        begin = end
    weight = asked.to(logits.device).expand_as(logits)
    goal = targets.to(logits.device)
    return F.binary_cross_entropy_with_logits(logits, goal, weight, reduction="sum"), begin
