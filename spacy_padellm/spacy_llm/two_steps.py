"""The model "spacy_padellm.TwoSteps.v1": any text model of spacy-llm, asked in two steps.

A text model answers a prompt with a string: one prompt a label counts its mentions, then one
prompt a mention asks for it. All prompts of a step go to the model in one call.
"""

import logging
import re
from typing import Any, Callable, Iterable  # noqa: UP035

from spacy.tokens import Doc

from ..logs import warn_of_few
from ..pipeline.doc_decoder import DocPrediction
from ..pipeline.doc_labels import own_labels
from ..remote.secrets import Secrets
from ..spans.alignment import align_mentions
from ..spans.numeric import check_number
from ..spans.prediction import Count, Mention, Prediction
from .exchange import NERAnswer, NERPrompt
from .model import CausalLM

logger = logging.getLogger(__name__)
COUNT = """How many mentions of {label} are there in the text below? A mention that occurs twice \
counts twice. Answer with a number and nothing else.
{examples}
Text: {text}
Mentions of {label}:"""

MENTION = """The text below has {n} mentions of {label}. Write mention number {i} of them, in the \
order of the text, exactly as it stands there, and nothing else.
{examples}
Text: {text}
Mention number {i} of {label}:"""


class TwoSteps:
    """model: a model of spacy-llm, prompts in, strings out. max_count: most mentions of a label
    that are asked for. Its entities have no probabilities: a text model gives none."""

    def __init__(
        self, model: Callable[[Iterable[Iterable[Any]]], Iterable[Iterable[Any]]], max_count: int
    ) -> None:
        self._model = model
        self._max_count = max_count

    def __call__(self, prompts: Iterable[Iterable[NERPrompt]]) -> Iterable[Iterable[NERAnswer]]:
        """Raises TypeError for prompts of another task, ValueError without labels, or where the
        model gives more or fewer answers than it got prompts."""
        nested = [list(of_doc) for of_doc in prompts]
        asked = [_check(prompt) for of_doc in nested for prompt in of_doc]
        count_prompts = [
            [_count_prompt(p, label) for label in p.labels] if p.doc.text.strip() else []
            for p in asked
        ]
        announced = [
            [_read_count(answer, label) for answer, label in zip(of_doc, labels, strict=False)]
            for of_doc, labels in zip(
                self._ask(count_prompts), (p.labels for p in asked), strict=True
            )
        ]
        counts = [[min(n, self._max_count) for n in of_doc] for of_doc in announced]
        places: list[list[tuple[str, int]]] = []  # label and index of each mention of a Doc
        mention_prompts: list[list[str]] = []
        for prompt, of_doc in zip(asked, counts, strict=True):
            of_label = list(zip(prompt.labels, of_doc, strict=False))
            places.append([(label, i) for label, n in of_label for i in range(1, n + 1)])
            numbered = ((label, n, i) for label, n in of_label for i in range(1, n + 1))
            mention_prompts.append([_mention_prompt(prompt, *one) for one in numbered])
        strings = self._ask(mention_prompts)
        of_docs = (asked, announced, places, strings, count_prompts, mention_prompts)
        answers = iter(
            [
                _answer(prompt, numbers, at, texts, (*first, *second), self._max_count)
                for prompt, numbers, at, texts, first, second in zip(*of_docs, strict=True)
            ]
        )
        return [[next(answers) for _ in of_doc] for of_doc in nested]

    def _ask(self, prompts: list[list[str]]) -> list[list[str]]:
        wanted = [i for i, of_doc in enumerate(prompts) if of_doc]
        answers: list[list[str]] = [[] for _ in prompts]
        if not wanted:
            return answers
        found = [list(of_doc) for of_doc in self._model([prompts[i] for i in wanted])]
        if [len(of_doc) for of_doc in found] != [len(prompts[i]) for i in wanted]:
            raise ValueError(
                f"{type(self._model).__name__} gave {sum(map(len, found))} answers to "
                f"{sum(len(prompts[i]) for i in wanted)} prompts: spacy_padellm.TwoSteps.v1 needs "
                f"a model that answers every prompt"
            )
        for i, of_doc in zip(wanted, found, strict=True):
            answers[i] = [str(answer) for answer in of_doc]
        return answers


def _check(prompt: Any) -> NERPrompt:
    if not isinstance(prompt, NERPrompt):
        raise TypeError(
            f"spacy_padellm.TwoSteps.v1 finds entities and cannot answer a "
            f'{type(prompt).__name__}: set @llm_tasks to "spacy_padellm.NER.v1"'
        )
    if not prompt.labels and own_labels(prompt.doc) is None:
        raise ValueError(
            "a text model has no labels of its own: set `labels` in [components.llm.task]"
        )
    return prompt


def _count_prompt(prompt: NERPrompt, label: str) -> str:
    shown = [(e.text, str(len(e.entities.get(label, [])))) for e in prompt.question.examples]
    examples = _examples(f"Mentions of {label}", shown)
    named = _named(prompt, label)
    return COUNT.replace("{label}", named, 1).format(
        label=label, examples=examples, text=prompt.doc.text
    )


def _mention_prompt(prompt: NERPrompt, label: str, n: int, i: int) -> str:
    shown = [
        (e.text, e.entities[label][i - 1])
        for e in prompt.question.examples
        if len(e.entities.get(label, [])) >= i
    ]
    examples = _examples(f"Mention number {i} of {label}", shown)
    named = _named(prompt, label)
    return MENTION.replace("{label}", named, 1).format(
        label=label, n=n, i=i, examples=examples, text=prompt.doc.text
    )


def _named(prompt: NERPrompt, label: str) -> str:
    """The label with its definition; braces are doubled, as it goes through `format`."""
    definition = prompt.labels[label]
    named = f"{label} ({definition})" if definition else label
    return named.replace("{", "{{").replace("}", "}}")


def _examples(asked: str, shown: Iterable[tuple[str, str]]) -> str:
    return "".join(f"\nText: {text}\n{asked}: {answer}\n" for text, answer in shown)


def _read_count(answer: str, label: str) -> int:
    """The only number in the answer beside the label; 0, with a warning, where there is none, or
    several. spacy-llm gives errors as answers where it is not strict."""
    found = re.findall(r"-?\d+", answer.replace(label, ""))
    if len(found) == 1 and '"error"' not in answer and len(found[0]) < 9 and int(found[0]) >= 0:
        return int(found[0])
    shown = Secrets().mask(answer[:1000])[:80]  # errors of an API may echo its key
    warn_of_few(logger, "the model gives no count of %s, but %r: taken as 0", label, shown)
    return 0


def _answer(
    prompt: NERPrompt,
    counts: list[int],
    places: list[tuple[str, int]],
    strings: list[str],
    prompts: tuple[str, ...],
    max_count: int,
) -> NERAnswer:
    mentions = [
        Mention(label, index, _read_mention(string, prompt.doc), None, None, 1.0)
        for (label, index), string in zip(places, strings, strict=True)
    ]
    placed, left = align_mentions(prompt.doc.text, mentions, prompt.question.flat)
    numbers = [
        Count(label, min(n, max_count), 1.0, capped=n > max_count)
        for label, n in zip(prompt.labels, counts, strict=False)
    ]
    found = DocPrediction(Prediction(numbers, placed), [], left)
    return NERAnswer(found, probable=False, asked=prompts)


def _read_mention(answer: str, doc: Doc) -> str:
    """The first line, without quotation marks that the text does not have."""
    line = (answer.strip().splitlines() or [""])[0].strip()
    bare = line.strip("\"'`“”‘’«» ")
    return line if line in doc.text else bare


def make_two_steps(
    model: Callable[[Iterable[Iterable[Any]]], Iterable[Iterable[Any]]], max_count: int = 20
) -> TwoSteps:
    """The model "spacy_padellm.TwoSteps.v1".

    model: any text model of spacy-llm, as a block of its own.
    max_count: the most mentions of a label to ask for.

    Raises ValueError for a model of this package.
    """
    if isinstance(model, CausalLM | TwoSteps):
        raise ValueError(
            "spacy_padellm.TwoSteps.v1 is for text models; spacy_padellm.CausalLM.v1 decodes in "
            "two steps by itself: set it as [components.llm.model]"
        )
    check_number("max_count", max_count, least=1, whole=True)
    return TwoSteps(model, max_count)
