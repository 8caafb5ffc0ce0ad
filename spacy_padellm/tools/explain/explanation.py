"""What the model said of one text: counts, mentions, what became of each, and what it took."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.language import Language

from ...formats.doc_gold import LABELS
from ...pipeline.annotation import Annotator, Placed
from ...pipeline.component import PaDeLLMNER
from ...pipeline.doc_labels import own_descriptions
from ...pipeline.label_thresholds import threshold_for
from ...spans.prediction import Mention
from ...spans.resolution import Dropped
from ...spans.thresholds import Threshold, show_threshold, threshold_of
from ..pipelines import run_before

Labels = list[str] | dict[str, str] | None  # names, or label → description
REASONS = {
    "label": "the same string is likelier as {label}",
    "overlap": "overlaps the likelier {label} {text!r}",
    "identical": "is the same span as a likelier one",
    "fragment": "is a part of {text!r}, cut by the edge of a window",
}


@dataclass(frozen=True)
class ExplainedMention:
    """start, end: characters of the text, None where it has no place there. fate: "kept",
    "dropped", "below threshold" or "not aligned", with the reason in words."""

    label: str
    index: int
    text: str
    start: int | None
    end: int | None
    probability: float
    fate: str
    reason: str = ""


@dataclass(frozen=True)
class ExplainedLabel:
    """count_probability: of the count as a whole. capped: more were counted than are decoded."""

    label: str
    description: str
    count: int
    count_probability: float
    capped: bool
    mentions: list[ExplainedMention] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """labels: in the order in which they were asked for. tokens: that the model read, padding
    included; text_tokens: of the text alone. windows: pieces that the text was read in.
    calibrated: whether a mention's probability is that of being right, its count considered.
    points: whether the model points at mentions; it does not say counts."""

    text: str
    labels: list[ExplainedLabel]
    passes: int
    tokens: int
    text_tokens: int
    windows: int
    seconds: float
    model: str
    threshold: Threshold
    calibrated: bool = False
    points: bool = False

    @property
    def kept(self) -> list[ExplainedMention]:
        """The entities, in the order of the text."""
        found = [m for label in self.labels for m in label.mentions if m.fate == "kept"]
        return sorted(found, key=lambda m: (m.start or 0, -(m.end or 0)))

    @property
    def shown_threshold(self) -> str:
        return show_threshold(self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def explain(nlp: Language, pipe: PaDeLLMNER, text: str, labels: Labels = None) -> Explanation:
    """Runs the pipeline up to its component `pipe` and looks into what that finds. labels: to ask
    for instead of the component's. Raises ValueError for a text that is longer than
    `nlp.max_length`."""
    doc = nlp.make_doc(text)
    if labels:
        doc._.set(LABELS, labels)
    doc = run_before(nlp, pipe, doc)
    own = pipe.doc_decoder  # the model is read before the time is taken
    began = time.perf_counter()
    prepared = pipe.prepare([doc])
    decoder = prepared.by or own
    before = decoder.work
    (predicted,) = prepared.decode()
    seconds = time.perf_counter() - began
    after, settings = decoder.work, pipe.settings
    threshold = threshold_for(doc, settings.threshold)
    described = {**pipe.described, **own_descriptions(doc)}
    return Explanation(
        text=doc.text,
        labels=_labels(described, Annotator(settings).place(doc, predicted), threshold),
        passes=after.passes - before.passes,
        tokens=after.tokens - before.tokens,
        text_tokens=len(decoder.encoder.encode_text(text).ids),
        windows=after.texts - before.texts,
        seconds=seconds,
        model=pipe.shim.loaded.lm.name,
        threshold=threshold,
        calibrated=pipe.shim.loaded.settings.calibration is not None,
        points=getattr(decoder.decoder.lm, "points", False),  # served models have no such thing
    )


def _labels(
    described: Mapping[str, str], placed: Placed, threshold: Threshold
) -> list[ExplainedLabel]:
    """described: label → description."""
    mentions = _mentions(placed, threshold)
    counts = {count.label: count for count in placed.found.prediction.counts}
    found = []
    for label in counts or described:
        count, description = counts.get(label), described.get(label, "")
        found.append(
            ExplainedLabel(
                label,
                description,
                count.value if count else 0,
                count.probability if count else 1.0,
                bool(count and count.capped),
                sorted((m for m in mentions if m.label == label), key=_place),
            )
        )
    return found


def _mentions(placed: Placed, threshold: Threshold) -> list[ExplainedMention]:
    astray = "it is not in the text, or not on the tokens of the Doc"
    there = "an entity is there already (overwrite_ents is false)"
    return [
        *_explained(placed.mentions, "kept"),
        *(_dropped(drop) for drop in placed.dropped),
        *(_below(mention, threshold) for mention in placed.below),
        *_explained(placed.unaligned, "not aligned", astray),
        *_explained(placed.yielding, "dropped", there),
    ]


def _explained(mentions: Iterable[Mention], fate: str, reason: str = "") -> list[ExplainedMention]:
    return [
        ExplainedMention(m.label, m.index, m.text, m.start, m.end, m.probability, fate, reason)
        for m in mentions
    ]


def _below(mention: Mention, threshold: Threshold) -> ExplainedMention:
    of_label = f" of {mention.label}" if isinstance(threshold, dict) else ""
    least = threshold_of(threshold, mention.label)
    reason = f"its probability is below the threshold{of_label}, {least:g}"
    return _explained([mention], "below threshold", reason)[0]


def _dropped(drop: Dropped) -> ExplainedMention:
    winner = drop.winner
    reason = REASONS[drop.reason].format(label=winner.label, text=winner.text)
    return _explained([drop.mention], "dropped", reason)[0]


def _place(mention: ExplainedMention) -> tuple[bool, int, int]:
    return mention.start is None, mention.start or 0, mention.index
