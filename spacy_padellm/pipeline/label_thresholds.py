"""Whether the labels that the setting `threshold` names are labels at all."""

import warnings
from collections.abc import Collection

from ..spans.thresholds import Threshold, unknown_labels


def check_thresholds(name: str, threshold: Threshold, listed: Collection[str] | None) -> None:
    """name: of the component, for messages. listed: the labels that its config names, if it does.
    Raises ValueError for a threshold of another label."""
    unknown = [] if listed is None else unknown_labels(threshold, listed)
    if unknown:
        raise ValueError(
            f"{name}: threshold has {', '.join(map(repr, unknown))}, which the setting `labels` "
            f"has not ({', '.join(map(repr, listed or ()))}): correct it, or add it to `labels`"
        )


def warn_of_idle_thresholds(name: str, threshold: Threshold, known: Collection[str]) -> None:
    """Where no config names the labels: those of a model, or of examples, may get others beside
    them. known: the labels so far."""
    idle = unknown_labels(threshold, known)
    if idle:
        warnings.warn(
            f"{name}: threshold has {', '.join(map(repr, idle))}, which is none of the labels "
            f"{', '.join(map(repr, known))}: correct it, unless add_label or doc._.padellm_labels "
            f"is to add it",
            UserWarning,
            stacklevel=3,
        )
