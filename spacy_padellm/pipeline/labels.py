"""Which labels the component asks for, and where they came from."""

import logging
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..architectures.config_values import check_characters
from ..meant import show_names
from ..models.files.schemas import Label, Open, Text, check_labels
from ..models.save_mode import SaveMode
from .example_set import SavedExamples

logger = logging.getLogger(__name__)
Labels = Any  # as configs have them: `Given`, which `read_labels` checks, with errors that help
Thresholds = float | dict[str, Any] | list[list[Any]]  # as configs have them
Given = str | Sequence[str] | Sequence[Sequence[str]] | Mapping[str, str] | None
Descriptions = dict[str, str]


class SavedComponent(Open):
    """`cfg` beside the folder `model`: labels, examples, and how the model is saved."""

    labels: dict[Label, Text]
    configured: dict[str, Text] | None = None
    save_mode: SaveMode | None = None
    examples: SavedExamples | None = None


class LabelSet:
    """Labels with descriptions ("" where there is none), in the order in which they are asked.
    Given by the config, else by `initialize` or a saved pipeline, else the model's own, else those
    of the texts that it is shown (`shown`)."""

    def __init__(
        self, name: str, configured: Given = None, shown: Callable[[], Descriptions] = dict
    ) -> None:
        self.name = name
        self._shown = shown
        self.configured = read_labels(configured, f"{name}: `labels`")
        _warn_of_twins(name, self.configured or ())
        self.labels = self.configured
        self.added: Descriptions = {}
        self._left_out: set[str] = set()

    def known(self, of_model: Mapping[str, str]) -> Descriptions:
        """of_model: the model's own labels; their descriptions serve where none is given."""
        labels = dict(of_model or self._shown()) if self.labels is None else self.labels
        labels = {**labels, **{k: v for k, v in self.added.items() if k not in labels}}
        return {label: text or of_model.get(label, "") for label, text in labels.items()}

    def require(self, of_model: Mapping[str, str]) -> tuple[str, ...]:
        """Raises ValueError where there is no label."""
        labels = tuple(self.known(of_model))
        if not labels:
            raise ValueError(
                f"{self.name} has no labels: set `labels` in its config, call add_label, or "
                f"nlp.initialize() with annotated examples"
            )
        return labels

    def add(self, label: str, of_model: Mapping[str, str], description: str = "") -> int:
        """1 for a new label, 0 for one that is there."""
        trained = self.known(of_model)
        if label in trained:
            return 0
        self.added |= read_labels([(label, description)], f"{self.name}: add_label") or {}
        if trained:
            warnings.warn(
                f"{self.name}: the model was not trained on the label "
                f"{show_names([label], trained)} and is asked for it zero-shot; train it on "
                f"examples for good results",
                UserWarning,
                stacklevel=3,
            )
        return 1

    def initialize(
        self, given: Given, in_examples: Mapping[str, int], of_model: Mapping[str, str]
    ) -> None:
        """Settles the labels for training.

        given: of `[initialize.components]`. in_examples: gold spans of each label.

        Raises ValueError where there is no label, where `given` names labels that the config
        does not, or where no gold span has a label that is asked for.
        """
        listed = read_labels(given, f"{self.name}: initialize.labels")
        for label in listed or ():
            if label not in in_examples and re.sub(r"\$+", "$", label) in in_examples:
                raise ValueError(
                    f"{self.name}: initialize.labels has {label!r}, which was "
                    f"{re.sub(r'[$]+', '$', label)!r}: spaCy's configs double each `$` when they "
                    f"are saved; give the labels in a file (spacy init labels)"
                )
        if self.configured is not None:
            unknown = [label for label in listed or () if label not in self.configured]
            if unknown:
                raise ValueError(
                    f"{self.name}: initialize.labels has {', '.join(map(repr, unknown))}, which "
                    f"the setting `labels` has not: add them there, or set `labels` to null"
                )
            labels = dict(self.configured)
        elif listed is not None:
            labels = listed
        elif in_examples:
            labels = {label: of_model.get(label, "") for label in sorted(in_examples)}
        else:
            labels = dict(of_model or self._shown())
        self.labels = labels
        asked = self.require({})
        left_out = {label: n for label, n in in_examples.items() if label not in asked}
        self._left_out = set(left_out)
        if left_out:
            what = ", ".join(f"{label!r} ({n})" for label, n in sorted(left_out.items()))
            if not any(label in asked for label in in_examples):
                raise ValueError(
                    f"{self.name}: the examples have no mention of {', '.join(map(repr, asked))}, "
                    f"only of {what}: correct `labels`"
                )
            logger.warning(
                "%s: gold mentions of %s are ignored, as `labels` does not have them",
                self.name,
                what,
            )

    def tell_left_out(self, in_gold: set[str], of_model: Mapping[str, str]) -> None:
        """Warns once of each label of gold texts that is not learned, and was not known of before:
        a stream shows `initialize` its first texts alone."""
        new = in_gold - self.known(of_model).keys() - self._left_out
        self._left_out |= new
        if new:
            logger.warning(
                "%s: gold mentions of %s are not learned, as the component has no such labels. "
                "Labels are found in the texts that nlp.initialize() sees, of a stream "
                "(max_epochs = -1) the first hundred: give all as `labels` in "
                "[initialize.components.%s]",
                *(self.name, ", ".join(map(repr, sorted(new))), self.name),
            )

    def to_dict(self, of_model: Mapping[str, str]) -> dict[str, Any]:
        return {"labels": self.known(of_model), "configured": self.configured}

    def from_dict(self, saved: Mapping[str, Any]) -> None:
        """A config that was changed since saving wins over the saved labels."""
        if self.configured == saved.get("configured"):
            self.labels = dict(saved["labels"])
            self.added = {}


def read_labels(given: Given, setting: str) -> Descriptions | None:
    """Label → description, of names, of pairs [name, description], or of a mapping. A string holds
    names with commas between, as in spacy-llm. Raises ValueError for anything else, for a label
    that is there twice, and for none at all."""
    if given is None:
        return None
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",")]
    if not isinstance(given, Iterable):
        raise ValueError(f"{setting}: give a list, not {given!r}")
    labels: Descriptions = {}
    for item in given.items() if isinstance(given, Mapping) else given:
        label, description = _pair(item)
        if not isinstance(label, str) or not label.strip():
            raise ValueError(f"{setting}: {label!r} is not the name of a label")
        if not isinstance(description, str):
            raise ValueError(f"{setting}: the description of {label!r} must be a string")
        if label in labels:
            raise ValueError(f"{setting}: {label!r} is there twice")
        check_characters(label, setting)
        check_characters(description, setting)
        labels[label] = description
    try:
        check_labels(labels)
    except ValueError as error:
        raise ValueError(f"{setting}: {error}") from None
    if not labels:
        raise ValueError(
            f"{setting}: the list is empty; name a label, or leave it out to use the model's labels"
        )
    return labels


def _warn_of_twins(name: str, labels: Iterable[str]) -> None:
    """Warns of labels that differ in case alone: they compete for the same entities."""
    seen: dict[str, str] = {}
    for label in labels:
        twin = seen.setdefault(label.casefold(), label)
        if twin != label:
            warnings.warn(
                f"{name}: the labels {twin!r} and {label!r} differ in case alone, and compete for "
                f"the same entities",
                UserWarning,
                stacklevel=2,
            )


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, list | tuple) and len(item) == 2:
        return item[0], item[1]
    return item, ""
