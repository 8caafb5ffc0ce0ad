"""Methods side by side, with a decoder whose times are known."""

import pytest
import torch

from spacy_padellm.decoding import DecodingWork
from spacy_padellm.formats.gold_text import GoldText
from spacy_padellm.spans.prediction import Prediction
from spacy_padellm.tools.benchmark import measuring


class Ticking:
    """Takes as many milliseconds as a text has characters, half of them of the processor."""

    def __init__(self):
        self.work, self.now = DecodingWork(), 0.0

    def predict(self, texts, labels):
        self.now += sum(map(len, texts)) / 1000
        self.work.add(DecodingWork(len(texts), 1, 1, 1))
        return [Prediction() for _ in texts]


@pytest.fixture
def ticking(monkeypatch):
    decoder = Ticking()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: decoder.now)
    monkeypatch.setattr(measuring.time, "process_time", lambda: decoder.now / 2)
    return decoder


@pytest.mark.parametrize(("n", "size", "p90"), [(10, 1, None), (20, 1, 18.1), (40, 32, None)])
def test_a_percentile_is_of_batches_enough_and_within_what_was_measured(ticking, n, size, p90):
    golds = [GoldText("x" * (i + 1), ()) for i in range(n)]
    device = torch.device("cpu")
    (found,) = measuring.measure({"a": ticking}, golds, ("PER",), (size,), 3, device)
    assert found.milliseconds_p90 == (None if p90 is None else pytest.approx(p90))
    mean = (n + 1) / 2
    assert found.cpu_milliseconds == pytest.approx(mean / 2)
    assert found.texts_a_second == pytest.approx(1000 / mean)
