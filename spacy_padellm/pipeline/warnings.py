"""What the component tells its user about: labels never trained, mentions left out, weights."""

import logging
import warnings
from collections.abc import Mapping, Sequence

from spacy.language import Language

from ..models.model_settings import ModelSettings
from ..spans.prediction import Mention

logger = logging.getLogger(__name__)


def warn_of_untrained(
    name: str, labels: Sequence[str], descriptions: Mapping[str, str], trained: ModelSettings
) -> None:
    """Of labels and descriptions that a model for certain labels has never seen."""
    if not trained.labels:
        return
    unseen = [label for label in labels if label not in trained.labels]
    reworded = [
        label
        for label, text in descriptions.items()
        if label in trained.labels and trained.descriptions.get(label) != text
    ]
    if unseen:
        _warn(
            f"{name}: the model was not trained with the labels {', '.join(map(repr, unseen))}, "
            f"but with {', '.join(trained.labels)}: expect poor entities, or train it on examples"
        )
    if reworded:
        _warn(
            f"{name}: the model was not trained with these descriptions of "
            f"{', '.join(map(repr, reworded))}: expect poor entities; leave them out, or train it "
            f"with them"
        )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)


def warn_of_score_weights(name: str, spans_key: str, nlp: Language) -> None:
    """Without a weight on scores that there are, training would keep any model as the best."""
    weights = nlp.config["training"]["score_weights"]
    wanted = f"spans_{spans_key}_f"
    if any(weights.get(key) for key in ("ents_f", "ents_p", "ents_r")) and not any(
        key.startswith(wanted[:-1]) and weight for key, weight in weights.items()
    ):
        logger.warning(
            "%s: annotate = 'spans' gives no ents_f, on which [training.score_weights] puts "
            "weight: set ents_f = null and %s = 1.0 there, or model-best is not the best",
            name,
            wanted,
        )


class LeftOut:
    """Mentions without a place of their own.

    That a model names a string more often than it occurs is no surprise; that tokens of the Doc
    part a mention is a matter of the settings, and told once.
    """

    def __init__(self) -> None:
        self.total = 0
        self._told = False

    def note(self, name: str, mentions: Sequence[Mention]) -> None:
        self.total += len(mentions)
        for mention in mentions:
            if mention.start is None:
                logger.info(
                    "%s: %r (%s) was left out, as it has no free place in its text; kept with "
                    "keep_raw = true",
                    name,
                    mention.text,
                    mention.label,
                )
            elif not self._told:
                self._told = True
                logger.warning(
                    "%s: %r (%s) was left out, as it does not begin and end on tokens of its Doc "
                    "(see alignment_mode); further ones are not told, but kept with "
                    "keep_raw = true",
                    name,
                    mention.text,
                    mention.label,
                )
