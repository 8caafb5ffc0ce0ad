"""Examples of a question before the question itself, for models that learn from their prompt."""

import logging
from typing import Any

from ..models.loaded_model import LoadedModel
from ..prompts.preamble import check_takes_examples
from .exchange import NERQuestion

logger = logging.getLogger(__name__)


def shown_examples(loaded: LoadedModel[Any], question: NERQuestion) -> list[dict[str, Any]]:
    """What the component is to show to the model (its setting `examples`): nothing, with a warning,
    where the model was trained and takes none."""
    if not question.examples:
        return []
    why = "it was trained to point at mentions" if getattr(loaded.lm, "points", False) else ""
    try:
        check_takes_examples(loaded.template)
    except ValueError as error:
        why = why or str(error)
    if why:
        logger.warning(
            "the examples of spacy_padellm.NER.v1 are not shown to the model %r: %s",
            loaded.lm.name,
            why,
        )
        return []
    return [{"text": one.text, "entities": one.entities} for one in question.examples]
