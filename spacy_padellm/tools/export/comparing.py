"""An exported model beside the one it was made of, on the same texts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...decoding import Decoder
from ...models.loaded_model import LoadedModel
from ...spans.prediction import Prediction

BATCHES = (1, 32)  # texts
_OTHER_LABELS = ("person", "place", "organization")  # of a model without any


@dataclass(frozen=True)
class Comparison:
    """texts, mentions: how many, as torch has them. differing: mentions that one of the two has
    and the other has not. difference: the largest between probabilities of the same mention.
    torch_speed, onnx_speed: texts per second, for each of `BATCHES`."""

    texts: int
    mentions: int
    differing: int
    difference: float
    torch_speed: tuple[float, ...]
    onnx_speed: tuple[float, ...]


def compare(
    loaded: LoadedModel[Any], exported: LoadedModel[Any], texts: Sequence[str]
) -> Comparison:
    """Both decode all texts, in turn, after a warm-up."""
    labels = loaded.settings.labels or _OTHER_LABELS
    decoders = [Decoder(one.lm, one.encoder()) for one in (loaded, exported)]
    for decoder in decoders:
        _decode(decoder, texts[:2], labels, 1)
    speeds: list[list[float]] = [[], []]
    found: list[list[Prediction]] = [[], []]
    for size in BATCHES:
        for i, decoder in enumerate(decoders):
            began = time.perf_counter()
            found[i] = _decode(decoder, texts, labels, size)
            speeds[i].append(len(texts) / (time.perf_counter() - began))
    of_torch, of_onnx = map(_mentions, found)
    same = of_torch.keys() & of_onnx.keys()
    differences = [abs(of_torch[place] - of_onnx[place]) for place in same]
    return Comparison(
        len(texts),
        len(of_torch),
        len(of_torch.keys() ^ of_onnx.keys()),
        max(differences, default=0.0),
        tuple(speeds[0]),
        tuple(speeds[1]),
    )


@torch.inference_mode()
def _decode(
    decoder: Decoder, texts: Sequence[str], labels: Sequence[str], size: int
) -> list[Prediction]:
    parts = [texts[start : start + size] for start in range(0, len(texts), size)]
    return [prediction for part in parts for prediction in decoder.predict(part, labels)]


def _mentions(predictions: Sequence[Prediction]) -> dict[tuple[object, ...], float]:
    """Text, label, which of several, place → probability."""
    return {
        (i, mention.label, mention.index, mention.text, mention.start, mention.end): float(
            mention.probability
        )
        for i, prediction in enumerate(predictions)
        for mention in prediction.mentions
    }
