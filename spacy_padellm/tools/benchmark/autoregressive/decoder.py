"""Autoregressive decoding by transformers' `generate`, behind the interface of `Decoder`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ....decoding import DecodingWork, TextInput
from ....lm.batching import halve_on_memory_error, plan_batches
from ....lm.language_model import LanguageModel
from ....prompts.encoding import PromptEncoder, TextPrompt
from ....spans.prediction import Count, Prediction
from .answers import AnswerFormat, Structured
from .prompt import AnswerEncoder


@dataclass
class AutoregressiveDecoder:
    """Greedy generation with a KV cache, a batch padded on the left.

    max_new_tokens: of an answer; None allows for a marked copy of the longest text. Counts and
    mentions have probability 1: a long answer gives no probability of its own to each.
    """

    lm: LanguageModel
    encoder: PromptEncoder
    answer: AnswerFormat = field(default_factory=Structured)
    token_budget: int = 4096
    max_new_tokens: int | None = None
    work: DecodingWork = field(default_factory=DecodingWork)

    def predict(self, texts: Sequence[TextInput | str], labels: Sequence[str]) -> list[Prediction]:
        """A prediction for each text, in the order given."""
        answers = AnswerEncoder(self.encoder)
        strings = [text if isinstance(text, str) else text.text for text in texts]
        prompts = [answers.prompt(text, labels) for text in strings]
        results: dict[int, Prediction] = {}
        for batch in plan_batches([prompt.size for prompt in prompts], self.token_budget):
            chosen = [prompts[i] for i in batch]
            written = halve_on_memory_error(self._generate, chosen)
            for i, ids in zip(batch, written, strict=True):
                mentions = self.answer.read(strings[i], answers.pieces(ids, labels))
                counts = [
                    Count(label, sum(mention.label == label for mention in mentions), 1.0)
                    for label in labels
                ]
                results[i] = Prediction(counts, mentions)
            self.work.texts += len(batch)
            self.work.batches += 1
        return [results[i] for i in range(len(strings))]

    def _constraints(self, prompts: Sequence[TextPrompt]) -> list[Any]:
        """Logits processors of `generate` for a batch."""
        return []

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[TextPrompt]) -> list[list[int]]:
        eos = int(self.encoder.tokenizer.eos_token_id)
        rows = [[*prompt.trunk, *prompt.branches[0]] for prompt in prompts]
        width = max(map(len, rows))
        ids = torch.tensor([[eos] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        longest = max(len(prompt.encoded.ids) for prompt in prompts)
        with self.lm.few_threads(len(rows)):
            generated = self.lm.model.generate(
                input_ids=ids.to(self.lm.device),
                attention_mask=mask.to(self.lm.device),
                max_new_tokens=self.max_new_tokens or 2 * longest + 32,
                do_sample=False,
                eos_token_id=eos,
                pad_token_id=eos,
                logits_processor=self._constraints(prompts),
            )
        steps = generated.shape[1] - width
        self.work.passes += steps
        self.work.tokens += len(rows) * (width + steps - 1)
        self.work.kept += len(rows) * (width + steps - 1)
        return [[int(token) for token in row[width:]] for row in generated]
