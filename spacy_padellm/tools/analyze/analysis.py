"""The figures of an analysis: scores, errors with examples, counts, calibration, thresholds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...spans.scoring import span_scores, string_set_scores
from ...spans.thresholds import Threshold, show_threshold
from .corpus import AnalyzedText
from .errors import Item, Kind, SpanError, find_errors
from .reliability import (
    Bin,
    ThresholdScore,
    expected_calibration_error,
    reliability,
    sweep_thresholds,
)

KINDS: tuple[Kind, ...] = ("boundary", "label", "label and boundary", "missed", "invented")
THRESHOLDS = tuple(i / 20 for i in range(20))
AROUND = 60  # characters of the text that an example shows before and behind a span


@dataclass(frozen=True)
class ErrorExample:
    """An error in its text: the characters around both spans, and the spans within them."""

    error: SpanError
    before: str
    inside: str
    after: str
    gold: str
    predicted: str


@dataclass(frozen=True)
class Analysis:
    """spans, strings: of `scoring`, overall and by label. counts: label → announced number less
    the gold one → how many texts. errors: kind → label → how many."""

    texts: int
    threshold: Threshold
    spans: dict[str, Any]
    strings: dict[str, Any]
    counts: dict[str, dict[int, int]]
    errors: dict[str, dict[str, int]]
    examples: dict[str, list[ErrorExample]]
    bins: list[Bin]
    sweep: list[ThresholdScore]

    @property
    def calibration_error(self) -> float:
        return expected_calibration_error(self.bins)

    @property
    def shown_threshold(self) -> str:
        return show_threshold(self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; without the examples."""
        return {
            "texts": self.texts,
            "threshold": self.threshold,
            "spans": self.spans,
            "strings": self.strings,
            "counts": {k: {str(d): n for d, n in v.items()} for k, v in self.counts.items()},
            "errors": self.errors,
            "calibration_error": self.calibration_error,
            "reliability": [asdict(one) for one in self.bins],
            "thresholds": [asdict(one) for one in self.sweep],
        }


def analyze(texts: Sequence[AnalyzedText], threshold: Threshold, n_examples: int = 20) -> Analysis:
    """threshold: of the pipeline. n_examples: of each kind of error. Raises ValueError without an
    annotated text."""
    if not texts:
        raise ValueError("the corpus has no annotated text")
    golds = [text.gold for text in texts]
    found = [text.placed(threshold) for text in texts]
    free = found if threshold == 0 else [text.placed(0.0) for text in texts]
    errors: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    examples: dict[str, list[ErrorExample]] = {kind: [] for kind in KINDS}
    counts: dict[str, Counter[int]] = {}
    for text, predicted in zip(texts, found, strict=True):
        for error in find_errors(text.gold, predicted):
            label = (error.gold or error.predicted or ("", 0, 0))[0]
            errors[error.kind][label] += 1
            if len(examples[error.kind]) < n_examples:
                examples[error.kind].append(_example(text.text, error))
        in_gold = Counter(item[0] for item in text.gold)
        for label, count in text.counts.items():
            counts.setdefault(label, Counter())[count - in_gold[label]] += 1
    scored = [
        (probability, item in gold)
        for gold, items in zip(golds, free, strict=True)
        for item, probability in items.items()
    ]
    return Analysis(
        texts=len(texts),
        threshold=threshold,
        spans=span_scores(golds, [set(items) for items in found]),
        strings=string_set_scores(
            [_strings(text, text.gold) for text in texts],
            [_strings(text, items) for text, items in zip(texts, found, strict=True)],
        ),
        counts={label: dict(sorted(c.items())) for label, c in sorted(counts.items())},
        errors={kind: dict(sorted(c.items())) for kind, c in errors.items()},
        examples=examples,
        bins=reliability(scored),
        sweep=sweep_thresholds(
            golds, lambda t: [set(text.placed(t)) for text in texts], THRESHOLDS
        ),
    )


def _strings(text: AnalyzedText, items: Any) -> set[tuple[str, str]]:
    return {(label, text.text[start:end]) for label, start, end in items}


def _example(text: str, error: SpanError) -> ErrorExample:
    items: list[Item] = [item for item in (error.gold, error.predicted) if item]
    start, end = min(item[1] for item in items), max(item[2] for item in items)
    left, right = max(start - AROUND, 0), min(end + AROUND, len(text))
    return ErrorExample(
        error,
        ("…" if left else "") + text[left:start],
        text[start:end],
        text[end:right] + ("…" if right < len(text) else ""),
        _shown(text, error.gold),
        _shown(text, error.predicted),
    )


def _shown(text: str, item: Item | None) -> str:
    return f"{item[0]} “{text[item[1] : item[2]]}”" if item else ""
