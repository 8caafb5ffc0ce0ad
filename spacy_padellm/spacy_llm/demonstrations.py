"""Examples of a question before the question itself, for models that learn from their prompt."""

import logging
from dataclasses import replace

from ..prompts.template import PromptTemplate
from .exchange import Demonstration, NERQuestion

logger = logging.getLogger(__name__)


def with_demonstrations(template: PromptTemplate, question: NERQuestion) -> PromptTemplate:
    """The template with the question's examples before every text.

    Special tokens leave no room for them, and a joint template is what its model was trained
    with: these stay as they are, with a warning.
    """
    if template.markers == "special" or template.joint:
        logger.warning(
            "the examples of spacy_padellm.NER.v1 are not shown to the model: its template %r has "
            "no place for them, it was trained",
            template.name,
        )
        return template
    shown = [_render(template, question, example) for example in question.examples]
    return replace(template, before_text="\n\n".join([*shown, template.before_text]))


def _render(template: PromptTemplate, question: NERQuestion, example: Demonstration) -> str:
    parts = [template.text_prefix(example.text)]
    for label in question.labels or example.entities:
        asked = template.label(label, question.labels.get(label, ""))
        mentions = example.entities.get(label, [])
        parts.append(template.before_label + asked + template.after_label)
        parts.append(template.count_text(len(mentions)))
        for index, mention in enumerate(mentions, 1):
            parts.append(f"{template.mention_marker(index)} {mention}")
    return "".join(parts)
