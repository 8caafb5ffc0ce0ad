"""The threshold of each Doc: its own (`doc._.padellm_threshold`), or the setting `threshold`; and
whether the labels that either names are asked for at all."""

import warnings
from collections.abc import Collection

from spacy.tokens import Doc

from ..meant import show_names
from ..spans.thresholds import Threshold, read_threshold, unknown_labels

THRESHOLD = "padellm_threshold"  # Doc extension: takes the place of the setting for one Doc

if not Doc.has_extension(THRESHOLD):
    Doc.set_extension(THRESHOLD, default=None)


def threshold_for(doc: Doc, setting: Threshold) -> Threshold:
    """The Doc's own (`doc._.padellm_threshold`, as the setting of the component), else the
    setting. Raises ValueError, naming the attribute, for what is none."""
    own = doc._.get(THRESHOLD)
    return setting if own is None else read_threshold(own, f"doc._.{THRESHOLD}")


def check_own_threshold(doc: Doc, asked: Collection[str]) -> None:
    """asked: the labels that the Doc is asked for. Raises ValueError as `threshold_for`, and for a
    threshold of the Doc's own that names another label."""
    if doc._.get(THRESHOLD) is None:
        return
    threshold = threshold_for(doc, 0.0)
    if unknown := unknown_labels(threshold, asked):
        raise ValueError(
            f"doc._.{THRESHOLD} names {_list(unknown, asked, threshold)}, and the labels that this "
            f"Doc is asked for are {_list(asked)}: correct it, or add it to doc._.padellm_labels"
        )


def check_thresholds(name: str, threshold: Threshold, listed: Collection[str] | None) -> None:
    """name: of the component, for messages. listed: the labels that its config names, if it does.
    Raises ValueError for a threshold of another label."""
    unknown = [] if listed is None else unknown_labels(threshold, listed)
    if unknown:
        raise ValueError(
            f"{name}: threshold names {_list(unknown, listed or (), threshold)}, which is not in "
            f"the setting `labels` ({_list(listed or ())}): correct it, or add it to `labels`"
        )


def warn_of_idle_thresholds(name: str, threshold: Threshold, known: Collection[str]) -> None:
    """Where no config names the labels: those of a model, or of examples, may get others beside
    them. known: the labels so far."""
    idle = unknown_labels(threshold, known)
    if idle:
        warnings.warn(
            f"{name}: threshold names {_list(idle, known, threshold)}, which is none of the "
            f"labels {_list(known)}: correct it, unless add_label or doc._.padellm_labels is to "
            f"add it",
            UserWarning,
            stacklevel=3,
        )


def _list(labels: Collection[str], known: Collection[str] = (), threshold: Threshold = 0.0) -> str:
    """known: what may have been meant, where the threshold does not name it besides."""
    return show_names(labels, known, threshold if isinstance(threshold, dict) else ())
