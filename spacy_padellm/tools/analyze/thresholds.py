"""A threshold for each label that keeps a promise, found on annotated texts, and set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from spacy.language import Language

from ...architectures.config_values import write_value
from ...pipeline.component import PaDeLLMNER
from ...spans.choosing import (
    TIE,
    Aim,
    Choice,
    between,
    choose_for_precision,
    choose_for_recall,
    lower_bound,
    times_enough,
)
from ...spans.thresholds import LEAST, Threshold, threshold_of
from .corpus import AnalyzedText

Placed = Sequence[dict[tuple[str, int, int], float]]  # of each text, (label, start, end) → how sure


@dataclass(frozen=True)
class LabelThreshold:
    """threshold: None where nothing was found, or nothing was there to find, or where none keeps
    the precision that is aimed at. precision, recall: on these texts with all the thresholds. n:
    mentions that it leaves. n_free: those without thresholds. n_gold: those in the texts. bound: of
    the share that is aimed at; None where it is below the aim. nearest: the threshold that comes
    nearest to a precision, which is not set, with the mentions that it would leave and how many of
    these are right. times: how many times as many texts like these would be enough for the aim
    (`times_enough`), where it is not reached."""

    label: str
    threshold: float | None
    precision: float
    recall: float
    n: int
    n_free: int
    n_gold: int
    bound: float | None
    nearest: tuple[float, int, int] | None = None
    times: int | None = None


def choose_thresholds(
    texts: Sequence[AnalyzedText],
    labels: Sequence[str],
    aim: Aim,
    calibrated: Callable[[float], float] = lambda probability: probability,
    kept: Threshold = LEAST,
) -> list[LabelThreshold]:
    """One for each label, by itself. calibrated: what becomes of a text's probabilities where the
    thresholds apply; it keeps their order, but for ties. kept: what labels without a new one have,
    by a text's probabilities.

    A label that cannot reach the aim gets none for a precision, since any would lose mentions and
    promise nothing, and 0 for a recall.
    """
    free = [text.placed(0.0) for text in texts]
    choices: dict[str, Choice | None] = {}
    nearest: dict[str, tuple[float, int, int]] = {}
    times: dict[str, int | None] = {}
    for label in labels:
        scored = [
            (p, item in text.gold)
            for text, found in zip(texts, free, strict=True)
            for item, p in found.items()
            if item[0] == label
        ]
        lowest = _lowest_of_ties((p for p, _ in scored), calibrated)
        scored = [(lowest[p], is_right) for p, is_right in scored]
        n_gold = sum(item[0] == label for text in texts for item in text.gold)
        choose = choose_for_precision if aim.precision else choose_for_recall
        choice = choose(scored, n_gold, aim.share, aim.confidence)
        if choice and not choice.reached:
            times[label] = times_enough(scored, n_gold, aim)
        if choice and aim.precision and not choice.reached:
            left = [is_right for p, is_right in scored if p >= choice.least]
            nearest[label] = _threshold(choice, calibrated), len(left), sum(left)
            choice = None
        choices[label] = choice
    set_here = {
        label: between(c.below, c.least) if c else threshold_of(kept, label)
        for label, c in choices.items()
    }
    placed = [text.placed(set_here or LEAST) for text in texts]
    rows = [
        _row(label, choice, texts, placed, free, aim, calibrated)
        for label, choice in choices.items()
    ]
    return [
        replace(row, nearest=nearest.get(row.label), times=times.get(row.label)) for row in rows
    ]


def _lowest_of_ties(
    probabilities: Iterable[float], calibrated: Callable[[float], float]
) -> dict[float, float]:
    """For each, the lowest that no threshold tells apart from it once they are calibrated: close to
    0 and 1, a curve makes many the same."""
    found: dict[float, float] = {}
    lowest, reached = 0.0, -1.0
    for p in sorted(set(probabilities)):
        if (now := calibrated(p)) > reached + TIE:
            lowest, reached = p, now
        found[p] = lowest
    return found


def _row(
    label: str,
    choice: Choice | None,
    texts: Sequence[AnalyzedText],
    placed: Placed,
    free: Placed,
    aim: Aim,
    calibrated: Callable[[float], float],
) -> LabelThreshold:
    """With all thresholds: where a mention of one label gave way to one of another label that is
    dropped now, it is there again."""
    found = [{item for item in of_text if item[0] == label} for of_text in placed]
    gold = [{item for item in text.gold if item[0] == label} for text in texts]
    n, n_gold = sum(map(len, found)), sum(map(len, gold))
    n_free = sum(item[0] == label for of_text in free for item in of_text)
    right = sum(len(some & others) for some, others in zip(found, gold, strict=True))
    precision, recall = right / n if n else 0.0, right / n_gold if n_gold else 0.0
    if choice is None:
        return LabelThreshold(label, None, precision, recall, n, n_free, n_gold, None)
    threshold = _threshold(choice, calibrated)
    total = n if aim.precision else n_gold
    bound = choice.bound
    if bound is not None:
        bound = min(bound, lower_bound(right, total, aim.confidence))
        bound = bound if bound >= aim.share else None
    return LabelThreshold(label, threshold, precision, recall, n, n_free, n_gold, bound)


def _threshold(choice: Choice, calibrated: Callable[[float], float]) -> float:
    below = None if choice.below is None else calibrated(choice.below)
    return between(below, calibrated(choice.least))


def set_thresholds(nlp: Language, pipe: PaDeLLMNER, chosen: Iterable[LabelThreshold]) -> None:
    """In the pipeline. A label without one keeps what it has."""
    before = pipe.settings.threshold
    rest = before if isinstance(before, dict) else dict.fromkeys(pipe.labels, before)
    found = {one.label: one.threshold for one in chosen if one.threshold is not None}
    set_threshold(nlp, pipe, {**rest, **found})


def set_threshold(nlp: Language, pipe: PaDeLLMNER, threshold: Threshold) -> None:
    """In the component, and in the config of its pipeline, to which come labels that were added
    beside it: a threshold by label is for labels that it names."""
    config = nlp.get_pipe_config(next(name for name, made in nlp.pipeline if made is pipe))
    configured = pipe.label_set.configured
    named = threshold.keys() if isinstance(threshold, dict) else set()
    if configured is not None and not named <= configured.keys():
        described = pipe.described
        pipe.label_set.configured = described
        config["labels"] = write_value([list(pair) for pair in described.items()])
    pipe.settings = replace(pipe.settings, threshold=threshold)
    config["threshold"] = write_value(pipe.settings.to_config()["threshold"])
