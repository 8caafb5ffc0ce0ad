"""Autoregressive decoding by transformers' `generate`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria

from ....cached import cached_property
from ....decoding import DecodingSettings, DecodingWork, TextDecoder, TextInput
from ....decoding.text_decoder import Batch, in_order
from ....lm.batching import halve_on_memory_error, plan_batches
from ....lm.language_model import LanguageModel
from ....prompts.encoding import PromptEncoder, TextPrompt
from ....spans.prediction import Count, Prediction
from .answers import AnswerFormat, Structured
from .prompt import AnswerEncoder


class _Limits(StoppingCriteria):
    """Ends each answer of a batch at its own limit. width: tokens before the answers."""

    def __init__(self, width: int, limits: Sequence[int]) -> None:
        self.width = width
        self.limits = torch.tensor(limits)

    def __call__(self, input_ids: Any, scores: Any, **given: Any) -> Any:
        written = input_ids.shape[1] - self.width
        return (written >= self.limits).to(input_ids.device)


@dataclass
class AutoregressiveDecoder(TextDecoder):
    """Greedy generation with a KV cache, a batch padded on the left. What else the model's
    generation_config.json asks for, such as a repetition penalty, does not count.

    max_new_tokens: of an answer; None allows for a marked copy of its own text, whatever else is in
    the batch. lookup_tokens: how many tokens to draft by prompt lookup where a text comes alone,
    since `generate` drafts for no more than one. cut: answers so far that had no end. Counts and
    mentions have probability 1: a long answer gives no probability of its own to each.
    """

    lm: LanguageModel
    encoder: PromptEncoder
    settings: DecodingSettings = field(default_factory=DecodingSettings)
    work: DecodingWork = field(default_factory=DecodingWork)
    answer: AnswerFormat = field(default_factory=Structured)
    max_new_tokens: int | None = None
    lookup_tokens: int = 0
    cut: int = 0

    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()) -> list[Batch]:
        answers = AnswerEncoder(self.encoder)
        inputs = [TextInput(text) if isinstance(text, str) else text for text in texts]
        prompts = [answers.prompt(text.text, text.labels or labels) for text in inputs]
        plans = plan_batches([prompt.size for prompt in prompts], self.settings.token_budget)
        return [Batch(plan, [(inputs[i], prompts[i]) for i in plan]) for plan in plans]

    def decode(self, batches: Sequence[Batch]) -> list[Prediction]:
        return in_order(batches, map(self._run, batches))

    def _run(self, batch: Batch) -> list[Prediction]:
        prompts = [prompt for _, prompt in batch.items]
        written = halve_on_memory_error(self._generate, prompts)
        self.work.add(DecodingWork(len(prompts), 1))
        return list(map(self._read, prompts, written))

    def _read(self, prompt: TextPrompt, ids: list[int]) -> Prediction:
        answers = AnswerEncoder(self.encoder)
        self.cut += answers.end_id not in ids
        pieces = answers.pieces(ids, prompt.labels)
        mentions = self.answer.read(prompt.encoded.text, pieces)
        found = [mention.label for mention in mentions]
        return Prediction([Count(name, found.count(name), 1.0) for name in prompt.labels], mentions)

    def _constraints(self, prompts: Sequence[TextPrompt]) -> list[Any]:
        """Logits processors of `generate` for a batch."""
        return []

    def _limits(self, prompts: Sequence[TextPrompt]) -> list[int]:
        """The most tokens of each answer, its end included."""
        return [self.max_new_tokens or 2 * len(prompt.encoded.ids) + 32 for prompt in prompts]

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[TextPrompt]) -> list[list[int]]:
        eos = int(self.encoder.tokenizer.eos_token_id)
        rows = [[*prompt.trunk, *prompt.branches[0]] for prompt in prompts]
        width = max(map(len, rows))
        ids = torch.tensor([[eos] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        limits = self._limits(prompts)
        drafts = self.lookup_tokens if len(rows) == 1 else 0
        wanted = GenerationConfig(
            max_new_tokens=max(limits),
            do_sample=False,
            eos_token_id=eos,
            pad_token_id=eos,
            **({"prompt_lookup_num_tokens": drafts} if drafts else {}),
        )
        with self.lm.few_threads(len(rows)), self._counted(), self._neutral():
            generated = self.lm.model.generate(
                input_ids=ids.to(self.lm.device),
                attention_mask=mask.to(self.lm.device),
                generation_config=wanted,
                logits_processor=self._constraints(prompts),
                stopping_criteria=[_Limits(width, limits)],
            )
        self.work.add(DecodingWork(kept=len(rows) * (generated.shape[1] - 1)))
        written = [row[width:] for row in generated.tolist()]
        return [row[:limit] for row, limit in zip(written, limits, strict=True)]

    @cached_property
    def _configured(self) -> list[Any]:
        """The model, or what an adapter has wrapped, where `generate` looks for defaults."""
        return [of for of in self.lm.model.modules() if "generation_config" in vars(of)]

    @contextmanager
    def _neutral(self) -> Iterator[None]:
        """Without defaults of the model's, which `generate` takes for whatever it is not told."""
        own = [module.generation_config for module in self._configured]
        for module in self._configured:
            module.generation_config = GenerationConfig()
        try:
            yield
        finally:
            for module, config in zip(self._configured, own, strict=True):
                module.generation_config = config

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Adds all forward passes in the block, and their tokens, to `work`."""

        def count(_module: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
            ids = given["input_ids"] if "input_ids" in given else args[0]
            self.work.add(DecodingWork(passes=1, tokens=ids.numel()))

        hook = self.lm.base.register_forward_pre_hook(count, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()
