"""Pipelines of spacy-llm's component, on our models or on a scripted text model."""

from typing import Iterable  # noqa: UP035 - spacy-llm reads it

import spacy
from spacy_llm.registry import registry

TASK = {"@llm_tasks": "spacy_padellm.NER.v1", "labels": ["PER", "LOC"]}


def make(folder, model=None, **settings):
    nlp = spacy.blank("en")
    model = model or {"@llm_models": "spacy_padellm.CausalLM.v1", "name": str(folder)}
    task = {**TASK, **settings.pop("task", {})}
    nlp.add_pipe("llm", config={"task": task, "model": model, **settings})
    return nlp


def found(docs):
    return [[(e.label_, e.start, e.end, e._.padellm_score) for e in doc.ents] for doc in docs]


@registry.llm_models("test.Scripted.v1")
def scripted_model(answers: dict, asked: list | None = None):
    """A text model: what it answers is the longest key that ends a prompt's last line."""

    def answer(prompt):
        found = [k for k in answers if all(part in prompt for part in k.split("&"))]
        return answers[max(found, key=len)] if found else "0"

    def model(prompts: Iterable[Iterable[str]]) -> Iterable[Iterable[str]]:
        got = [list(of_doc) for of_doc in prompts]
        CALLS.append(got)
        return [[answer(prompt) for prompt in of_doc] for of_doc in got]

    return model


CALLS: list = []


TWO_STEPS = {
    "@llm_models": "spacy_padellm.TwoSteps.v1",
    "model": {
        "@llm_models": "test.Scripted.v1",
        "answers": {
            "Mentions of PER:": "There are 2 mentions.",
            "Mentions of LOC:": "1",
            "Mention number 1 of PER:": '"Ada Lovelace"',
            "Mention number 2 of PER:": "Ada Lovelace",
            "Mention number 1 of LOC:": "Atlantis",
        },
    },
}
