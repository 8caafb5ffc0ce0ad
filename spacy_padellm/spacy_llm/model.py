"""The model "spacy_padellm.CausalLM.v1" of spacy-llm's component `llm`."""

import inspect
import itertools
from dataclasses import replace
from typing import Any, Iterable  # noqa: UP035

from spacy.vocab import Vocab

from ..architectures.causal_lm import build_causal_lm
from ..architectures.protocol import shim_of
from ..models.named.box import DEFAULT
from ..pipeline.component import PaDeLLMNER
from ..pipeline.settings import Settings
from ..prompts.template import PromptTemplate
from ..spans.numeric import MOST_TOKENS
from .demonstrations import shown_examples
from .exchange import NERAnswer, NERPrompt, NERQuestion

WHOLE_BATCH = MOST_TOKENS  # all that one call brings is decoded together


class CausalLM:
    """A fine-tuned causal LM, decoded in parallel: the counts of all labels of all Docs of a call,
    then all their mentions. Long Docs are read in windows.

    model: arguments of `build_causal_lm`. settings: how it decodes.
    """

    def __init__(self, model: dict[str, Any], settings: Settings) -> None:
        self._model = build_causal_lm(**model)
        self._settings = settings
        self._vocab = Vocab()
        self._pipes: dict[str, PaDeLLMNER] = {}

    def __call__(self, prompts: Iterable[Iterable[NERPrompt]]) -> Iterable[Iterable[NERAnswer]]:
        """An answer for each prompt. Raises TypeError for prompts of another task."""
        nested = [list(of_doc) for of_doc in prompts]
        flat = list(itertools.chain.from_iterable(nested))
        for prompt in flat:
            if not isinstance(prompt, NERPrompt):
                raise TypeError(
                    f"the model spacy_padellm.CausalLM.v1 finds entities and cannot answer a "
                    f'{type(prompt).__name__}: set @llm_tasks to "spacy_padellm.NER.v1"'
                )
        answers: list[NERAnswer | None] = [None] * len(flat)
        for question in {repr(p.question): p.question for p in flat}.values():
            asked = [i for i, prompt in enumerate(flat) if prompt.question == question]
            found = self._pipe(question).predict([flat[i].doc for i in asked])
            for i, prediction in zip(asked, found, strict=True):
                answers[i] = NERAnswer(prediction)
        left = iter(answers)
        return [[next(left) for _ in of_doc] for of_doc in nested]  # type: ignore[misc]

    def _pipe(self, question: NERQuestion) -> PaDeLLMNER:
        key = repr(question)
        if key not in self._pipes:
            model = self._model
            examples = None
            if question.examples:
                examples = shown_examples(shim_of(model).loaded, question) or None
            settings = replace(
                self._settings,
                alignment_mode=question.alignment_mode,
                annotate="ents" if question.flat else "spans",
                resolution="flat" if question.flat else "nested",
            )
            pipe = PaDeLLMNER(
                self._vocab,
                model,
                "llm",
                settings=settings,
                labels=question.labels or None,
                examples=examples,
            )
            return self._pipes.setdefault(key, pipe)  # that of the first thread
        return self._pipes[key]


def make_causal_lm(
    name: str = DEFAULT,
    adapter: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    template: PromptTemplate | None = None,
    revision: str | None = None,
    devices: list[str] | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
    compile: bool = False,
    runtime: str = "auto",
    start_threshold: float | None = None,
    copy_constraint: bool = True,
    decoder: str = "auto",
    run_ahead: bool = True,
    token_budget: int | None = None,
    max_count: int | None = None,
    max_mention_tokens: int = Settings.max_mention_tokens,
    window: int | None = None,
    overlap: int | None = None,
) -> CausalLM:
    """The model "spacy_padellm.CausalLM.v1". Nothing is read before it is used.

    name to runtime: as in the component's model, "spacy_padellm.CausalLM.v1".
    start_threshold to overlap: as in the component `padellm_ner`, except that token_budget None
    decodes all Docs of a call together.

    Raises ValueError for a setting out of its range.
    """
    token_budget = WHOLE_BATCH if token_budget is None else token_budget
    given = locals()
    names = inspect.signature(build_causal_lm).parameters
    model = {name: given[name] for name in names if name in given}
    settings = Settings.among(given)
    return CausalLM(model, settings)
