"""Gold-forced decoding: real forward passes, answers forced to gold.

So that speed can be measured for models that were not trained: what is decoded decides how many
passes there are, and random weights would never end a mention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..decoding import Decoder
from ..decoding.session import Branch, Session
from ..encoding import PromptEncoder, TextPrompt
from ..training.examples import GoldText, make_training_text

FORCED = 1e4  # a logit above all others


@dataclass
class GoldForcedDecoder(Decoder):
    """A decoder that finds the gold mentions of each text, given by `force`."""

    golds: dict[str, GoldText] = field(default_factory=dict)

    def force(self, golds: Sequence[GoldText]) -> None:
        self.golds = {gold.text: gold for gold in golds}

    def _open(self, prompts: Sequence[TextPrompt]) -> Session:
        real = super()._open(prompts)
        expected: dict[tuple[int, tuple[int, ...]], int] = {}
        for text, prompt in enumerate(prompts):
            gold = self.golds.get(prompt.encoded.text, GoldText(prompt.encoded.text, ()))
            expected |= _answers(self.encoder, text, prompt, gold)
        starts = [_common_start(prompt) for prompt in prompts]
        return _ForcedSession(real, expected, starts, self.encoder.mention_end_ids[0])


class _ForcedSession:
    """expected: the id that follows, by text and by the ids behind its common start."""

    def __init__(
        self,
        session: Session,
        expected: Mapping[tuple[int, tuple[int, ...]], int],
        starts: Sequence[int],
        otherwise: int,
    ) -> None:
        self.session = session
        self.expected = expected
        self.starts = starts
        self.otherwise = otherwise
        self.passes = self.tokens = 0

    def extend(
        self, branches: Sequence[Branch], wanted: Sequence[int] | None = None
    ) -> torch.Tensor:
        logits = self.session.extend(branches, wanted)
        self.passes, self.tokens = self.session.passes, self.session.tokens
        targets = []
        for branch, n in zip(branches, wanted or [1] * len(branches), strict=True):
            behind = tuple(branch.ids[self.starts[branch.text] :])
            for end in range(len(behind) - n + 1, len(behind) + 1):
                targets.append(self.expected.get((branch.text, behind[:end]), self.otherwise))
        logits[torch.arange(len(targets)), torch.tensor(targets)] = FORCED
        return logits


def _common_start(prompt: TextPrompt) -> int:
    """How many first ids all paths of the text share for certain."""
    return len(prompt.trunk) if prompt.trunk else 0


def _answers(
    encoder: PromptEncoder, text: int, prompt: TextPrompt, gold: GoldText
) -> dict[tuple[int, tuple[int, ...]], int]:
    start = _common_start(prompt)
    expected = {}
    asked = make_training_text(encoder, gold, prompt.labels)
    for path in asked.paths:
        for end in range(len(path.ids) - path.n_targets, len(path.ids)):
            expected[text, path.ids[start:end]] = path.ids[end]
    return expected
