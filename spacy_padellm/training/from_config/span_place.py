"""Where the spans of somebody's texts go: `doc.ents`, or a span group where they overlap."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...plurals import count, verb
from .survey import SurveyedText

COMPONENT = "components.padellm_ner"
_ANNOTATE = f"{COMPONENT}.annotate"
_KEYS = (f"{COMPONENT}.spans_key", "corpora.train.spans_key", "corpora.dev.spans_key")
_WEIGHTS = "training.score_weights"


def same_key(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The span group that one of the settings names, for those that name none."""
    given = [overrides[name] for name in _KEYS if name in overrides]
    return {name: given[0] for name in _KEYS if given and name not in overrides}


def choose_place(texts: Sequence[SurveyedText]) -> str:
    """The setting `annotate` of a component that learns from these texts: "spans" where some
    overlap, or where all are annotated in the span group alone, else "ents"."""
    grouped = [text.only_grouped for text in texts if text.annotated]
    overlap = any(text.crowded for text in texts)
    return "spans" if overlap or (grouped and all(grouped)) else "ents"


def place_settings(place: str, key: str, texts: Sequence[SurveyedText]) -> dict[str, Any]:
    """What component, readers and scores need, by dotted names.

    place: as `choose_place`. key: of the span group. texts: as the readers give them by default.
    """
    settings: dict[str, Any] = {_ANNOTATE: place}
    if place == "spans" or any(text.only_grouped for text in texts):
        settings |= {f"corpora.{name}.annotate": place for name in ("train", "dev")}
    if place == "spans":
        values = {"f": 1.0, "p": 0.0, "r": 0.0, "per_type": None}
        settings |= {f"{_WEIGHTS}.ents_{score}": None for score in values}
        settings |= {f"{_WEIGHTS}.spans_{key}_{score}": value for score, value in values.items()}
    return settings


def say_place(place: str, key: str, texts: Sequence[SurveyedText]) -> str:
    """What the user should know of it; "" where spans are in `doc.ents`, and none is left out."""
    group = f"doc.spans[{key!r}]"
    n_overlapping = sum(bool(text.crowded) for text in texts)
    if n_overlapping:
        counted = f"{n_overlapping:,} of {count(len(texts), 'text')}"
        found = f"{counted} {verb(n_overlapping, 'has', 'have')} overlapping spans"
        if place == "spans":
            return (
                f"{found}: the pipeline writes {group} instead of doc.ents. To write doc.ents and "
                f"learn only the longest spans, pass --{_ANNOTATE} ents"
            )
        left = sum(text.crowded for text in texts)
        return (
            f"{found}: doc.ents takes the longest, and {count(left, 'span')} "
            f"{verb(left, 'is', 'are')} left out"
        )
    return f"The pipeline writes {group} instead of doc.ents" if place == "spans" else ""
