"""`padellm train` with a config: what a run leaves, in one process and in two, and how it ends."""

import json
import sys

import pytest
import spacy
import torch
from spacy.training import Corpus
from spacy.training.loop import train as spacy_train
from spacy.util import load_config

from spacy_padellm.training.from_config.run import RunOptions, train_config

from .config_runs import CONFIGS, command, farthest, losses, overrides, run, train, weights


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_a_run_computes_gradients_itself(around, whole, corpora, tmp_path):
    with around():
        train(corpora, tmp_path / "out")
    assert farthest(weights(tmp_path / "out/model-last"), weights(whole / "model-last")) == 0


def test_a_run_leaves_pipelines_and_a_report(whole):
    nlp = spacy.load(whole / "model-best")
    assert nlp.get_pipe("padellm_ner").labels == ("LOC", "PER")
    assert "ents_f" in nlp.meta["performance"]
    assert nlp("Ada Lovelace went to London.").has_annotation("ENT_IOB")
    assert spacy.load(whole / "model-last").pipe_names == ["padellm_ner"]
    report = json.loads((whole / "report.json").read_text())
    assert [entry["step"] for entry in report["evaluations"]] == [3, 6]
    assert {"LOC", "PER"} >= set(report["evaluations"][-1]["ents_per_type"])
    assert "strings_per_type" in report["evaluations"][-1]
    assert [step for step, _ in losses(whole)] == [3, 6]
    assert len(list((whole / "checkpoints").glob("checkpoint-*"))) == 2


def test_the_first_step_is_that_of_spacy_train(corpora, tmp_path):
    """One batch holds all texts, so that the order in which each shuffles does not matter."""
    changes = {
        "training__batcher__size": 10000,
        "training__max_steps": 1,
        "training__optimizer__learn_rate__warmup_steps": 1,
        "training__eval_frequency": 1,
    }
    train(corpora, tmp_path / "ours", **changes)
    config = load_config(
        CONFIGS / "padellm_scratch.cfg",
        overrides(corpora, **{**changes, "training__max_steps": 2}),
    )
    nlp = spacy.training.initialize.init_nlp(config)
    seen = []
    (tmp_path / "spacy").mkdir()
    spacy_train(nlp, tmp_path / "spacy", stdout=Lines(seen), stderr=Lines([]))
    first = next(float(line.split()[2]) for line in seen if line.split()[:2] == ["0", "0"])
    assert losses(tmp_path / "ours")[0][1] == pytest.approx(first, abs=0.006)


class Lines:
    def __init__(self, lines):
        self.lines = lines

    def write(self, text):
        self.lines += [line for line in text.splitlines() if line.strip()]

    def flush(self):
        pass


def test_two_processes_learn_what_one_does(corpora, whole, tmp_path):
    """One batch a step, shared between the two: twice the batch that each has."""
    launcher = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")
    launcher += ("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "spacy")
    done = run(*command(corpora, tmp_path / "out", launcher=launcher))
    assert done.returncode == 0, done.stderr[-2000:]
    assert losses(tmp_path / "out") == losses(whole)
    assert farthest(weights(tmp_path / "out" / "model-last"), weights(whole / "model-last")) < 2e-5
    # Each scored its share of the development set.
    ours, theirs = (
        json.loads((output / "report.json").read_text())["evaluations"][-1]
        for output in (tmp_path / "out", whole)
    )
    assert ours["ents_f"] == pytest.approx(theirs["ents_f"], abs=0.05)


@pytest.mark.parametrize(
    "changes, steps",
    [
        ({"training__patience": 2, "training__eval_frequency": 1}, None),
        ({"training__max_epochs": 1, "training__batcher__size": 200}, None),
        ({"training__max_epochs": -1, "training__max_steps": 2}, 2),
    ],
)
def test_runs_that_end_otherwise(changes, steps, corpora, tmp_path):
    changes = {"training__max_steps": 0, **changes}
    if "training__patience" in changes:  # a rate of nothing: no score is better than the first
        changes["training__optimizer__learn_rate__initial_rate"] = 0.0
    if changes["training__max_steps"] == 0:
        changes["training__optimizer__learn_rate__total_steps"] = 100
    train(corpora, tmp_path / "out", **changes)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    last = report["evaluations"][-1]["step"]
    assert 0 < last < 40 and (steps is None or last == steps)
    assert (tmp_path / "out" / "model-last").exists()


def test_a_loss_that_is_no_number_is_named(corpora, tmp_path):
    with pytest.raises(ValueError, match="lower the learning rate"):
        changes = {"training__optimizer__learn_rate__initial_rate": 1e12}
        train(
            corpora,
            tmp_path / "out",
            training__optimizer__grad_clip=0.0,
            training__max_steps=60,
            **changes,
        )


def test_what_cannot_be_trained_is_named(corpora, tmp_path):
    config = load_config(CONFIGS / "padellm_scratch.cfg", overrides(corpora))
    config["nlp"]["pipeline"] = ["tagger", "padellm_ner"]
    config["components"]["tagger"] = {"factory": "tagger"}
    with pytest.raises(ValueError, match="tagger"):
        train_config(config, RunOptions(tmp_path / "out"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"gradient_accumulation_steps": 2}, "gradient_accumulation_steps, which"),
        ({"no_such_field": 1}, "no_such_field"),
    ],
)
def test_arguments_that_are_not_to_be_given(arguments, words, corpora, tmp_path):
    with pytest.raises(ValueError, match=words):
        train(corpora, tmp_path / "out", {"arguments": arguments})


def test_scores_are_those_of_the_saved_precision(corpora, tmp_path):
    """With mixed precision, too, model-best scores what the report says."""
    output = tmp_path / "out"
    train(corpora, output, components__padellm_ner__model__mixed_precision=True)
    report = json.loads((output / "report.json").read_text())
    nlp = spacy.load(output / "model-last")
    examples = list(Corpus(corpora / "dev.spacy")(nlp))
    assert nlp.evaluate(examples)["ents_f"] == report["evaluations"][-1]["ents_f"]
