"""Runs without spaCy that are cut off, and go on: the same weights and log as undisturbed ones."""

import itertools

import numpy as np
import pytest
import torch
from transformers import TrainerState

from spacy_padellm.atomic import BusyError, alone_in
from spacy_padellm.learning.examples import make_training_text
from spacy_padellm.learning.mixture import Mixture
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.adapters import train_adapter
from spacy_padellm.models.make import create_model
from spacy_padellm.prompts.encoding import PromptEncoder
from spacy_padellm.prompts.template import get_template
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.checkpoints import STATE, last_whole
from spacy_padellm.training.from_text import clock
from spacy_padellm.training.from_text.finetuning import finetune
from spacy_padellm.training.from_text.pretraining import pretrain
from spacy_padellm.training.from_text.tagging import TaggingHeads

from .test_training import GOLD, LABELS, SMALL

CUT_AT = 7  # before this epoch of a step or two


def new_lm(tokenizer):
    torch.manual_seed(0)
    sizes = {**SMALL, "num_hidden_layers": 3, "tie_word_embeddings": True}
    return LanguageModel(create_model(tokenizer, **sizes), tokenizer)


class Cut(Exception):
    """Stands for a kill."""


class CutOff:
    """A mixture that ends with an error once."""

    def __init__(self, mixture):
        self.mixture, self.whole = mixture, False

    def epoch(self, number):
        if number == CUT_AT and not self.whole:
            raise Cut
        return self.mixture.epoch(number)


@pytest.fixture
def encoder(compact_tokenizer):
    return PromptEncoder(compact_tokenizer, get_template("compact", copies=True))


@pytest.fixture
def mixture(encoder):
    texts = [make_training_text(encoder, gold, LABELS) for gold in GOLD]
    return Mixture({"all": texts, "half": texts[::2]}, batch_tokens=200)


def scratch(tokenizer, encoder, mixture, output, steps):
    """All weights, with tagging heads."""
    lm = new_lm(tokenizer)
    options = {"learn_rate": 5e-3, "checkpoint_seconds": 0}
    with TaggingHeads(lm, LABELS) as heads:
        log = finetune(lm, encoder, mixture, output, Budget(steps=steps), heads=heads, **options)
    return lm, log


def adapter(tokenizer, encoder, mixture, output, steps):
    """AdamW, with dropout, which draws numbers."""
    lm = train_adapter(new_lm(tokenizer), AdapterSettings(rank=2, dropout=0.3))
    options = {"learn_rate": 5e-2, "checkpoint_seconds": 0}
    return lm, finetune(lm, encoder, mixture, output, Budget(steps=steps), **options)


def figures(log):
    return [(entry["step"], entry["epoch"], entry["loss"]) for entry in log]


@pytest.mark.parametrize("kind", [scratch, adapter])
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(
    kind, compact_tokenizer, encoder, mixture, tmp_path
):
    whole, whole_log = kind(compact_tokenizer, encoder, mixture, tmp_path / "whole", 20)
    cut = CutOff(mixture)
    with pytest.raises(Cut):
        kind(compact_tokenizer, encoder, cut, tmp_path / "cut", 20)
    cut.whole = True
    again, log = kind(compact_tokenizer, encoder, cut, tmp_path / "cut", 20)
    ours, theirs = again.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert figures(log) == figures(whole_log) and log[-1]["step"] == 20


@pytest.fixture
def slow(monkeypatch):
    """Every look at the clock finds a tenth of a second gone."""
    ticks = itertools.count()
    monkeypatch.setattr(clock.time, "monotonic", lambda: next(ticks) / 10)


def test_seconds_count_over_resumed_runs(compact_tokenizer, tmp_path, slow):
    ids = np.arange(400, dtype=np.uint16) % 300

    def run(output, seconds):
        options = {"rows": 2, "row_length": 16, "progress": False}
        log = pretrain(new_lm(compact_tokenizer).model, ids, output, Budget(seconds), **options)
        return log[-1]["step"]

    whole, half = run(tmp_path / "whole", 12), run(tmp_path / "parts", 6)
    assert 0.3 * whole < half < 0.7 * whole
    assert run(tmp_path / "parts", 6) == half  # nothing is left
    assert abs(run(tmp_path / "parts", 12) - whole) < 0.1 * whole


def test_seconds_of_the_processor_count_over_resumed_runs(compact_tokenizer, tmp_path, monkeypatch):
    ids = np.arange(400, dtype=np.uint16) % 300
    for steps in (3, 7):
        ticks = itertools.count()  # a tenth of a second a look
        monkeypatch.setattr(clock.time, "process_time", lambda ticks=ticks: next(ticks) / 10)
        options = {"rows": 2, "row_length": 16, "progress": False}
        pretrain(new_lm(compact_tokenizer).model, ids, tmp_path, Budget(steps=steps), **options)
        state = TrainerState.load_from_json(str(last_whole(tmp_path).path / STATE))
        assert clock.cpu_before(state) == pytest.approx(steps / 10)


def test_another_request_and_another_run_are_refused(compact_tokenizer, encoder, mixture, tmp_path):
    def run(**options):
        finetune(new_lm(compact_tokenizer), encoder, mixture, tmp_path, Budget(steps=1), **options)

    run(identity={"labels": ["PER"]})
    with pytest.raises(ValueError, match=r"other settings \(labels\)"):
        run(identity={"labels": ["LOC"]})
    with alone_in(tmp_path), pytest.raises(BusyError):
        run(identity={"labels": ["PER"]})
