"""spacy-llm's NER.v3 with the model in the box, gold mentions forced as its answers."""

from collections.abc import Iterable, Sequence

import spacy
import torch
from pipelines import LABELS, Pipeline, count_parameters
from spacy_llm.registry import registry
from spacy_llm.tasks.span.examples import SpanReason

from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.tools.benchmark.forcing import ForcedLogits

EXAMPLE = {
    "text": "Jack and Jill went up the hill.",
    "spans": [
        {"text": "Jack", "is_entity": True, "label": "PER", "reason": "is the name of a person"},
        {"text": "Jill", "is_entity": True, "label": "PER", "reason": "is the name of a person"},
        {"text": "went up", "is_entity": False, "label": "==NONE==", "reason": "is a verb"},
        {"text": "hill", "is_entity": True, "label": "LOC", "reason": "is a location"},
    ],
}


def make_spacy_llm(texts: Sequence[GoldText]) -> Pipeline:
    """spacy-llm's NER.v3 with its default template and one example."""
    model = ForcedModel(texts)
    registry.llm_models.register("peers.ForcedModel.v1", func=lambda: model)
    nlp = spacy.blank("en")
    task = {"@llm_tasks": "spacy.NER.v3", "labels": list(LABELS), "examples": [EXAMPLE]}
    settings = {"task": task, "model": {"@llm_models": "peers.ForcedModel.v1"}}
    nlp.add_pipe("llm", config={**settings, "validate_types": False})
    compared = "same weights, device and texts; answers forced to gold: speed only"
    parameters = count_parameters(model.lm.model)
    return Pipeline("spacy-llm NER.v3", compared, nlp, texts, parameters, scored=False)


class ForcedModel:
    """An LLM of spacy-llm: `generate`, greedy, with a KV cache, a batch padded on the left.

    It writes each text's gold mentions as NER.v3 reads them, with the reason that spacy-llm makes
    up for annotated examples.
    """

    context_length = 4096

    def __init__(self, texts: Sequence[GoldText]) -> None:
        self.lm = load_model(ModelSource("english")).lm
        self.eos = int(self.lm.tokenizer.eos_token_id)
        self.answers = {text.text.strip(): self._ids(self._answer(text)) for text in texts}
        self.prompt_tokens: list[int] = []
        self.answer_tokens: list[int] = []

    def __call__(self, prompts: Iterable[Iterable[str]]) -> Iterable[Iterable[str]]:
        groups = [list(group) for group in prompts]
        written = iter(self._generate([prompt for group in groups for prompt in group]))
        return [[next(written) for _ in group] for group in groups]

    def _ids(self, string: str) -> list[int]:
        return self.lm.tokenizer(string, add_special_tokens=False)["input_ids"]

    @staticmethod
    def _answer(text: GoldText) -> str:
        lines = []
        for i, (start, end, label) in enumerate(sorted(text.spans), 1):
            reason = SpanReason(
                text=text.text[start:end], is_entity=True, label=label, reason=f"is a {label}"
            )
            lines.append(f"{i}. {reason.to_str()}")
        return "\n".join(lines)

    @torch.inference_mode()
    def _generate(self, prompts: Sequence[str]) -> list[str]:
        rows = [self._ids(prompt) for prompt in prompts]
        width = max(map(len, rows))
        ids = torch.tensor([[self.eos] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        targets = [self.answers[_asked(prompt)] for prompt in prompts]
        with self.lm.few_threads(len(rows)):
            generated = self.lm.model.generate(
                input_ids=ids.to(self.lm.device),
                attention_mask=mask.to(self.lm.device),
                max_new_tokens=max(map(len, targets)) + 1,
                do_sample=False,
                eos_token_id=self.eos,
                pad_token_id=self.eos,
                logits_processor=[ForcedLogits(targets, self.eos)],
            )
        self.prompt_tokens += map(len, rows)
        self.answer_tokens += map(len, targets)
        return self.lm.tokenizer.batch_decode(generated[:, width:], skip_special_tokens=True)


def _asked(prompt: str) -> str:
    """The text that a prompt of NER.v3 ends with."""
    return prompt.rpartition("\nParagraph: ")[2].rpartition("\nAnswer:")[0].strip()
