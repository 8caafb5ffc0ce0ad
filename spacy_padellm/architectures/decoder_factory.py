"""The decoder of a model in this process, as a component's settings want it."""

import logging

from ..decoding import Decoder
from ..models.loaded_model import LoadedModel
from ..pipeline.settings import Settings
from ..prompts.encoding import PromptEncoder

logger = logging.getLogger(__name__)


def make_decoder(
    name: str, loaded: LoadedModel, encoder: PromptEncoder, settings: Settings
) -> Decoder:
    """name: of the component, for warnings. Raises ValueError as `Decoder`."""
    if loaded.lm.static and settings.decoder == "rows":
        logger.warning("%s: `compile` has no effect with decoder = 'rows'", name)
    if not settings.copy_constraint and loaded.template.copies:
        logger.warning(
            "%s: the model was trained to copy mentions from its text, and writes no good ones "
            "of its own: set copy_constraint to true",
            name,
        )
    return Decoder(
        loaded.lm,
        encoder,
        method=settings.method(loaded.lm.tree),
        copy=settings.copy_constraint,
        token_budget=settings.token_budget,
        draft_tokens=None if settings.run_ahead else 0,
        guess_counts=None if settings.run_ahead else (),
        distinct=settings.is_flat,
        max_count=encoder.max_count,
        max_mention_tokens=settings.max_mention_tokens,
    )
