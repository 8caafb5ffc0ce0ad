"""Fits the calibration of a pipeline's model on annotated texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spacy.language import Language
from spacy.training import Example

from ...architectures.causal_lm import own_shim_of
from ...pipeline.component import PaDeLLMNER
from ...spans.calibration import Calibration, fit_calibration
from ...spans.thresholds import LEAST, Threshold, moved
from .corpus import AnalyzedText, analyze_texts
from .reliability import expected_calibration_error, reliability
from .thresholds import set_threshold

Scored = list[tuple[float, bool]]


@dataclass(frozen=True)
class Calibrated:
    """error: expected calibration error, each half of the texts by the curve of the other half;
    None where a half has too few mentions. texts: with the probabilities before the curve. kept:
    the threshold of the pipeline, on their scale."""

    calibration: Calibration
    n_mentions: int
    error: float | None
    texts: Sequence[AnalyzedText] = field(default=(), repr=False)
    kept: Threshold = LEAST


def calibrate(
    nlp: Language,
    pipe: PaDeLLMNER,
    examples: Sequence[Example],
    batch_size: int = 64,
    step: Callable[[int], object] = lambda n: None,
) -> Calibrated:
    """Fits on the mentions that are left without a threshold; the pipe has the curve from then on,
    and a threshold on its scale, which keeps the mentions that it kept before (about, where there
    was no curve, and a count's probability did not matter).

    examples: of texts that the model was not trained on. step: told how many texts were done.
    Raises ValueError as `fit_calibration`, and for a model behind a server; the pipe then has the
    calibration that it had.
    """
    shim = own_shim_of(pipe.model)
    before = shim.loaded.settings.calibration
    try:
        shim.calibrate(Calibration())  # counts and mentions, only multiplied
        texts = analyze_texts(nlp, pipe, examples, batch_size, step)
        halves = [_score(texts[0::2]), _score(texts[1::2])]
        fitted = fit_calibration(halves[0] + halves[1])
    except BaseException:
        shim.calibrate(before)
        raise
    shim.calibrate(fitted)
    kept = moved(pipe.settings.threshold, (before or Calibration()).product)
    threshold = moved(kept, lambda product: fitted.probability(1.0, product))
    if threshold != pipe.settings.threshold:
        set_threshold(nlp, pipe, threshold)
    n_mentions = len(halves[0]) + len(halves[1])
    return Calibrated(fitted, n_mentions, _crosswise(*halves), texts, kept)


def _score(texts: Sequence[AnalyzedText]) -> Scored:
    return [(p, item in text.gold) for text in texts for item, p in text.placed(0.0).items()]


def _crosswise(one: Scored, other: Scored) -> float | None:
    try:
        curves = fit_calibration(other), fit_calibration(one)
    except ValueError:
        return None
    left_out = [
        (curve.probability(1.0, p), right)
        for curve, half in zip(curves, (one, other), strict=True)
        for p, right in half
    ]
    return expected_calibration_error(reliability(left_out))
