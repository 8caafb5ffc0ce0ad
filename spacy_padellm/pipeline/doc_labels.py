"""Which labels each Doc is asked for: its own (`doc._.padellm_labels`), or its component's."""

from collections.abc import Mapping, Sequence
from typing import Any

from spacy.tokens import Doc

from ..architectures.config_values import check_characters
from ..formats.doc_gold import LABELS
from ..models.files.schemas import check_labels
from ..models.model_settings import ModelSettings
from .labels import LabelSet
from .untrained import UntrainedLabels

Labels = tuple[str, ...]
MOST_TOLD = 1000  # labels that are warned of: a server is asked for any


def own_labels(doc: Doc) -> Labels | None:
    """The labels that a Doc names for itself, each once; None where it leaves them to its
    component. Raises ValueError, naming the attribute, for what are not labels."""
    given = doc._.get(LABELS)
    if given is None:
        return None
    attribute = f"doc._.{LABELS}"
    if not _names_labels(given):
        raise ValueError(
            f"{attribute} is {repr(given)[:100]}: set it to a list of labels such as ['PER'], to a "
            f"mapping label → description, to [] to ask for none, or to None for those of the "
            f"component"
        )
    labels = tuple(dict.fromkeys(sorted(given) if isinstance(given, set | frozenset) else given))
    for label in labels:
        check_characters(label, attribute)
    try:
        check_labels(labels)
    except ValueError as error:
        raise ValueError(f"{attribute}: {error}") from None
    return labels


def own_descriptions(doc: Doc) -> dict[str, str]:
    """Label → description, of the labels that a Doc describes itself, whose names `own_labels` has
    read. Raises ValueError, naming the attribute, for a description that no model can read."""
    given = doc._.get(LABELS)
    if not isinstance(given, Mapping):
        return {}
    described = {label: text for label, text in given.items() if text}
    for text in described.values():
        check_characters(text, f"doc._.{LABELS}")
    return described


def _names_labels(given: Any) -> bool:
    """Whether it is a collection of strings, or a mapping of strings to strings."""
    if isinstance(given, Mapping):
        return all(isinstance(word, str) for pair in given.items() for word in pair)
    return isinstance(given, list | tuple | set | frozenset) and all(
        isinstance(label, str) for label in given
    )


def asks_something(doc: Doc) -> bool:
    """Whether the model is needed. Raises as `own_labels`."""
    return own_labels(doc) != () and bool(doc.text.strip())


class DocLabels:
    """The labels of a component's Docs. untrained: warns of each label once."""

    def __init__(self, untrained: UntrainedLabels) -> None:
        self._untrained = untrained
        self._told: set[str] = set()

    def read(
        self,
        docs: Sequence[Doc],
        label_set: LabelSet,
        of_model: Mapping[str, str],
        trained: ModelSettings,
    ) -> list[Labels]:
        """Of each Doc, those of the component first and in their order, so that Docs with the same
        labels are asked alike; none for a Doc that is blank. of_model: the model's own labels.

        Warns of labels that are the Doc's alone and that the model was not trained with. Raises
        ValueError as `own_labels`, and as `LabelSet.require` for a Doc that names none.
        """
        own = [own_labels(doc) if doc.text.strip() else () for doc in docs]
        known = tuple(label_set.known(of_model))
        if None in own:
            known = label_set.require(of_model)
        others = {label for labels in own for label in labels or ()}.difference(known)
        if len(self._told) < MOST_TOLD and (new := others - self._told):
            self._told |= new
            self._untrained.warn(dict.fromkeys(sorted(new), ""), trained)
        place = {label: i for i, label in enumerate(known)}
        return [
            known
            if labels is None
            else tuple(sorted(labels, key=lambda label: (place.get(label, len(known)), label)))
            for labels in own
        ]
