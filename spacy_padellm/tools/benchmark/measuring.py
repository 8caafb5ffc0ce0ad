"""Methods side by side: the same texts, in turn, round after round, after a warm-up."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...decoding import DecodingWork, TextDecoder
from ...formats.gold_text import GoldText
from ...spans.alignment import places_of
from ...spans.scoring import span_scores
from .memory import peak_megabytes, reset_peak

if TYPE_CHECKING:  # an exported model runs without
    import torch


LEAST_BATCHES = 20  # in a round, for a 90th percentile


@dataclass(frozen=True)
class Measurement:
    """Medians over the rounds. milliseconds: of a text, a batch's time spread over its texts,
    median and 90th percentile over batches; the latter is None where a round has too few batches
    to tell. cpu_milliseconds: of the processor, all threads together, a text. kept: tokens whose
    keys and values are held at a time. peak: MiB. f: strict span F1 against gold, None where no
    text is annotated. ratio: texts per second against those of the reference method in the same
    round.
    """

    method: str
    batch: int
    texts_a_second: float
    ratio: float
    milliseconds: float
    milliseconds_p90: float | None
    cpu_milliseconds: float
    passes_a_batch: float
    tokens_a_text: float
    kept_a_text: float
    peak: float | None
    f: float | None


def measure(
    decoders: Mapping[str, TextDecoder],
    golds: Sequence[GoldText],
    labels: Sequence[str],
    batch_sizes: Sequence[int],
    rounds: int,
    device: "torch.device",
    on_progress: Callable[[], None] = lambda: None,
) -> list[Measurement]:
    """decoders: by name; the first is the reference of the ratios. on_progress: called after
    each run of a method over all texts."""
    measured = []
    for size in batch_sizes:
        runs: dict[str, list[_Run]] = {name: [] for name in decoders}
        for name, decoder in decoders.items():
            # Every shape is compiled when it first occurs.
            warm_up = [golds, golds] if name == "compiled" else [golds[: 2 * size]]
            for texts in warm_up:
                _run(decoder, texts, labels, size, device)
            if name == "compiled":
                _check_compiled(decoder)
        for _ in range(rounds):
            for name, decoder in decoders.items():
                runs[name].append(_run(decoder, golds, labels, size, device))
                on_progress()
        reference = runs[next(iter(decoders))]
        measured += [_sum_up(name, size, of_name, reference) for name, of_name in runs.items()]
    return measured


def _check_compiled(decoder: TextDecoder) -> None:
    lm: Any = decoder.lm
    if not (lm.static and lm.static.compiled and lm.static.shapes):
        raise ValueError(f"method 'compiled': {lm.name} could not be compiled here")


@dataclass(frozen=True)
class _Run:
    seconds: list[float]  # of each batch
    sizes: list[int]
    cpu_seconds: float
    work: DecodingWork
    peak: float | None
    f: float | None

    @property
    def texts_a_second(self) -> float:
        return sum(self.sizes) / sum(self.seconds)


def _run(
    decoder: TextDecoder,
    golds: Sequence[GoldText],
    labels: Sequence[str],
    size: int,
    device: "torch.device",
) -> _Run:
    decoder.work = DecodingWork()
    reset_peak(device)
    seconds, sizes = [], []
    cpu_seconds = 0.0
    found: list[set[tuple[str, int, int]]] = []
    for start in range(0, len(golds), size):
        texts = [gold.text for gold in golds[start : start + size]]
        cpu_began, began = time.process_time(), time.perf_counter()
        predictions = decoder.predict(texts, labels)
        seconds.append(time.perf_counter() - began)
        cpu_seconds += time.process_time() - cpu_began
        sizes.append(len(texts))
        found += [places_of(t, p.mentions) for t, p in zip(texts, predictions, strict=True)]
    judged = [gold.judged(items) for gold, items in zip(golds, found, strict=True)]
    annotated = any(gold.annotated for gold in golds)
    f = span_scores([gold.items(labels) for gold in golds], judged)["f"] if annotated else None
    return _Run(seconds, sizes, cpu_seconds, decoder.work, peak_megabytes(device), f)


def _sum_up(name: str, size: int, runs: Sequence[_Run], reference: Sequence[_Run]) -> Measurement:
    pairs = zip(runs, reference, strict=True)
    spread = [
        1000 * seconds / n
        for run in runs
        for seconds, n in zip(run.seconds, run.sizes, strict=True)
    ]
    peaks = [run.peak for run in runs if run.peak is not None]
    return Measurement(
        method=name,
        batch=size,
        texts_a_second=statistics.median(run.texts_a_second for run in runs),
        ratio=statistics.median(run.texts_a_second / ref.texts_a_second for run, ref in pairs),
        milliseconds=statistics.median(spread),
        milliseconds_p90=_percentile_90(spread) if len(runs[0].sizes) >= LEAST_BATCHES else None,
        cpu_milliseconds=statistics.median(1000 * run.cpu_seconds / sum(run.sizes) for run in runs),
        passes_a_batch=statistics.median(run.work.passes / run.work.batches for run in runs),
        tokens_a_text=statistics.median(run.work.tokens / run.work.texts for run in runs),
        kept_a_text=statistics.median(run.work.kept / run.work.texts for run in runs),
        peak=statistics.median(peaks) if peaks else None,
        f=runs[-1].f,
    )


def _percentile_90(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=10, method="inclusive")[-1]
