"""Gold-forced decoding: real forward passes, answers forced to gold.

So that speed can be measured for models that were not trained: what is decoded decides how many
passes there are, and random weights would never end a mention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from ...formats.gold_text import GoldText
from ...learning.examples import make_training_text
from ...lm.choices import Choices
from ...lm.language_model import LanguageModel
from ...lm.session import Answer, Branch, Method, Question, Session
from ...lm.static_passes import StaticPasses
from ...prompts.encoding import PromptEncoder, TextPrompt
from .autoregressive import AutoregressiveDecoder, make_answer_text
from .autoregressive.prompt import AnswerEncoder

Forced = Literal["all", "counts", "starts"]
FORCED = 1e4  # a logit above all others
NEVER = -1e4  # a log-probability below all others


@dataclass
class GoldForcedModel:
    """A model that answers with the gold mentions of each text, after passes of its own.

    forced: "all"; "counts" alone, or "starts", counts with the first token of each mention: what
    the model says of the rest is its own.
    """

    lm: LanguageModel
    encoder: PromptEncoder
    golds: Sequence[GoldText]
    forced: Forced = "all"
    points = False

    def __post_init__(self) -> None:
        self.name, self.tree, self.tokenizer = self.lm.name, self.lm.tree, self.lm.tokenizer
        self._by_text = {gold.text: gold for gold in self.golds}

    @property
    def max_positions(self) -> int | None:
        return self.lm.max_positions

    @property
    def static(self) -> StaticPasses | None:
        return self.lm.static

    def open_session(
        self, prompts: Sequence[TextPrompt], method: Method, bidirectional: bool, choices: Choices
    ) -> Session:
        real = self.lm.open_session(prompts, method, bidirectional, choices)
        expected: dict[tuple[int, tuple[int, ...]], int] = {}
        for text, prompt in enumerate(prompts):
            gold = self._by_text.get(prompt.encoded.text, GoldText(prompt.encoded.text, ()))
            expected |= _answers(self.encoder, text, prompt, gold, self.forced)
        starts = [len(prompt.trunk) for prompt in prompts]
        otherwise = self.encoder.mention_end_ids[0] if self.forced == "all" else None
        return _ForcedSession(real, expected, starts, otherwise)

    def free_memory(self) -> None:
        self.lm.free_memory()


@dataclass
class ForcedAutoregressiveDecoder(AutoregressiveDecoder):
    """An autoregressive decoder that writes the gold answer."""

    golds: Sequence[GoldText] = ()

    def __post_init__(self) -> None:
        self._by_text = {gold.text: gold for gold in self.golds}

    def _constraints(self, prompts: Sequence[TextPrompt]) -> list[Any]:
        answers = AnswerEncoder(self.encoder)
        targets = []
        for prompt in prompts:
            gold = self._by_text.get(prompt.encoded.text, GoldText(prompt.encoded.text, ()))
            text = make_answer_text(answers, self.answer, gold, prompt.labels)
            (path,) = text.paths
            targets.append(path.ids[-path.n_targets :])
        return [ForcedLogits(targets, answers.end_id)]


class ForcedLogits:
    """A logits processor of `generate` that leaves one choice a row, whatever is drafted."""

    def __init__(self, targets: Sequence[Sequence[int]], end_id: int) -> None:
        self.targets = targets
        self.end_id = end_id
        self.begun: int | None = None  # the width of the prompts

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self.begun is None:
            self.begun = ids.shape[1]
        step = ids.shape[1] - self.begun
        ids_now = [t[step] if step < len(t) else self.end_id for t in self.targets]
        scores[torch.arange(len(ids_now)), torch.tensor(ids_now)] = FORCED
        return scores


@dataclass(eq=False)
class _ForcedSession:
    """expected: the id that follows, by text and by the ids behind its common start. otherwise:
    the id where that says nothing; None leaves the answer as it is."""

    session: Session
    expected: Mapping[tuple[int, tuple[int, ...]], int]
    starts: Sequence[int]
    otherwise: int | None
    passes: int = 0
    tokens: int = 0
    kept: int = 0

    def extend(
        self, branches: Sequence[Branch], questions: Sequence[Sequence[Question]]
    ) -> list[Answer]:
        answers = self.session.extend(branches, questions)
        self.passes, self.tokens = self.session.passes, self.session.tokens
        self.kept = self.session.kept
        targets = []
        for branch, asked in zip(branches, questions, strict=True):
            behind = tuple(branch.ids[self.starts[branch.text] :])
            for end in range(len(behind) - len(asked) + 1, len(behind) + 1):
                targets.append(self.expected.get((branch.text, behind[:end]), self.otherwise))
        flat = [question for asked in questions for question in asked]
        return [
            answer if target is None else _forced(question, answer, target)
            for question, answer, target in zip(flat, answers, targets, strict=True)
        ]

    def close(self) -> None:
        self.session.close()


def _forced(question: Question, answer: Answer, target: int) -> Answer:
    if question.candidates is None:
        return Answer(np.array([target]), np.zeros(1))
    return Answer(answer.ids, np.where(answer.ids == target, 0.0, NEVER))


def _answers(
    encoder: PromptEncoder, text: int, prompt: TextPrompt, gold: GoldText, forced: Forced
) -> dict[tuple[int, tuple[int, ...]], int]:
    start = len(prompt.trunk)
    expected = {}
    asked = make_training_text(encoder, gold, prompt.labels)
    for path in asked.paths:
        if path.is_mention and forced == "counts":
            continue
        first, last = len(path.ids) - path.n_targets, len(path.ids)
        for end in range(first, first + 1 if path.is_mention and forced == "starts" else last):
            expected[text, path.ids[start:end]] = path.ids[end]
    return expected
