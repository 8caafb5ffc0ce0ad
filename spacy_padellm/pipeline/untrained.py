"""Labels that a model was not trained with, and what is said of them."""

import warnings
from collections.abc import Mapping

from ..meant import show_names
from ..models.model_settings import ModelSettings


class UntrainedLabels:
    """name: of the component that asks for them. sees_examples: whether it shows the model some,
    which then needs no training. silent: whether whoever asks is told in another way, and nothing
    is said here."""

    def __init__(self, name: str, sees_examples: bool = False) -> None:
        self._name = name
        self._sees_examples = sees_examples
        self.silent = False

    def warn(self, described: Mapping[str, str], trained: ModelSettings) -> None:
        """Of labels and descriptions that a model for certain labels has never seen, and of a model
        that was trained for none. described: label → description, "" where there is none."""
        if self.silent or not described:
            return
        if not trained.labels:
            if trained.template is None and not self._sees_examples:
                _warn(
                    f"{self._name}: this model was not trained to find entities: expect few or "
                    f"wrong ones; train it (`python -m spacy padellm train`), or, if it is a large "
                    f"one, give it `examples`"
                )
            return
        unseen = [label for label in described if label not in trained.labels]
        reworded = [
            label
            for label, text in described.items()
            if text and label in trained.labels and trained.descriptions.get(label) != text
        ]
        if unseen:
            _warn(
                f"{self._name}: the model was not trained with the labels "
                f"{show_names(unseen, trained.labels, described)}, but with "
                f"{', '.join(trained.labels)}: expect poor entities, or train it on examples"
            )
        if reworded:
            _warn(
                f"{self._name}: the model was not trained with these descriptions of "
                f"{', '.join(map(repr, reworded))}: expect poor entities; leave them out, or train "
                f"it with them"
            )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)
