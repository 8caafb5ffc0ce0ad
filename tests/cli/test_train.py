"""`padellm train` in real processes: one or two, killed, out of disk; and in this one."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import spacy
import torch
from safetensors.torch import load_file
from sample_pipelines import make_examples
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.training.loop import train as spacy_train
from spacy.util import load_config

from spacy_padellm.training.from_config.run import RunOptions, train_config

CONFIGS = Path(__file__).parents[2] / "configs"
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    nlp = spacy.blank("en")
    for name, n in (("train", 60), ("dev", 12)):
        DocBin(docs=[eg.reference for eg in make_examples(nlp, n)]).to_disk(
            folder / f"{name}.spacy"
        )
    return folder


def overrides(corpora, **changes):
    """Of `configs/padellm_scratch.cfg`, for a run of a second or two."""
    model = "components.padellm_ner.model"
    return {
        "paths.train": str(corpora / "train.spacy"),
        "paths.dev": str(corpora / "dev.spacy"),
        "training.max_steps": 6,
        "training.eval_frequency": 3,
        "training.batcher.size": 60,
        **{f"{model}.sizes.{name}": value for name, value in SIZES.items()},
        **{name.replace("__", "."): value for name, value in changes.items()},
    }


def train(corpora, output, options=None, config="padellm_scratch.cfg", **changes):
    loaded = load_config(CONFIGS / config, overrides(corpora, **changes))
    return train_config(loaded, RunOptions(output, **(options or {})))


def command(corpora, output, *options, launcher=(), **changes):
    arguments = [f"--{name}={value}" for name, value in overrides(corpora, **changes).items()]
    launcher = launcher or (sys.executable, "-m", "spacy")
    return [
        *launcher,
        *("padellm", "train", str(CONFIGS / "padellm_scratch.cfg"), "-o", str(output)),
        *options,
        *arguments,
    ]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def run(*arguments, **options):
    return subprocess.run(
        arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, **options
    )


def weights(folder):
    return load_file(folder / "padellm_ner" / "model" / "model.safetensors")


def farthest(one, other):
    assert one.keys() == other.keys()
    return max((one[key] - other[key]).abs().max().item() for key in one)


def losses(output):
    report = json.loads((output / "report.json").read_text())
    return [(entry["step"], round(entry["loss"], 4)) for entry in report["losses"]]


@pytest.fixture(scope="module")
def whole(corpora, tmp_path_factory):
    """A run that nothing disturbs."""
    output = tmp_path_factory.mktemp("whole") / "out"
    train(corpora, output)
    return output


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


def test_a_killed_run_goes_on_to_the_same_result(corpora, whole, tmp_path):
    output = tmp_path / "out"
    process = subprocess.Popen(
        command(corpora, output, "--save-every=1"),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((output / "checkpoints").glob("checkpoint-[2-5]/trainer_state.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (output / "model-last").exists()
    refused = run(*command(corpora, output))
    assert refused.returncode == 1 and "--resume" in refused.stdout
    done = run(*command(corpora, output, "--resume", "--save-every=1"))
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ("model-last", "model-best"):
        assert farthest(weights(output / name), weights(whole / name)) == 0


@pytest.mark.parametrize("part", [0.1, 1.5])
def test_a_full_disk_leaves_the_last_checkpoint(part, corpora, tmp_path):
    """Files above a limit fail to be written, as on a full disk: the weights, or the optimizer's
    state, which is twice as large."""
    output = tmp_path / "out"
    first = {"training__optimizer__learn_rate__total_steps": 6}
    train(corpora, output, {"save_every": 1}, training__max_steps=2, **first)
    size = (output / "checkpoints" / "checkpoint-2" / "model.safetensors").stat().st_size
    limit = int(part * size)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    options = ("--resume", "--save-every=1")
    failed = run(*command(corpora, output, *options, **first), preexec_fn=small_files)
    told = " ".join(failed.stdout.split())
    assert failed.returncode == 1, failed.stderr[-2000:]
    assert "checkpoint of step 2 is whole" in told and "--resume" in told
    assert not list(output.glob(".*-new"))
    done = run(*command(corpora, output, *options, **first))
    assert done.returncode == 0, done.stderr[-2000:]


def tune_adapter(corpora, base, output, resume=False, **changes):
    config = load_config(
        CONFIGS / "padellm_lora.cfg",
        {
            "paths.train": str(corpora / "train.spacy"),
            "paths.dev": str(corpora / "dev.spacy"),
            "paths.base": str(base),
            "training.max_steps": 4,
            "training.eval_frequency": 2,
            "training.batcher.size": 60,
            "training.optimizer.learn_rate.total_steps": 20,
            "components.padellm_ner.model.peft.rank": 2,
            "components.padellm_ner.model.peft.dropout": 0.3,
            "components.padellm_ner.model.pointers": False,  # its own weights outweigh a tiny model
            **{name.replace("__", "."): value for name, value in changes.items()},
        },
    )
    return train_config(config, RunOptions(output, resume, gradient_checkpointing=True))


def adapter_of(folder):
    return load_file(folder / "padellm_ner" / "model" / "adapter_model.safetensors")


def test_an_adapter_is_small_at_every_point(corpora, plain_lm_folder, tmp_path):
    output = tmp_path / "out"
    best = tune_adapter(corpora, plain_lm_folder, output)
    whole = (plain_lm_folder / "model.safetensors").stat().st_size
    for folder in (best / "padellm_ner" / "model", output / "checkpoints" / "checkpoint-4"):
        (adapter,) = folder.glob("*.safetensors")
        assert adapter.stat().st_size < whole / 5
    nlp = spacy.load(best)
    assert nlp.get_pipe("padellm_ner").shim.loaded.lm.adapter
    assert nlp("Ada Lovelace went to London.").text


def test_dropout_goes_on_where_it_was(corpora, plain_lm_folder, tmp_path):
    tune_adapter(corpora, plain_lm_folder, tmp_path / "whole")
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", training__max_steps=2)
    torch.manual_seed(99)
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", resume=True)
    whole, cut = (adapter_of(tmp_path / name / "model-last") for name in ("whole", "cut"))
    assert farthest(whole, cut) == 0


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


def test_a_changed_config_is_told_on_resuming(corpora, tmp_path, caplog):
    train(corpora, tmp_path / "out", training__max_steps=3)
    train(corpora, tmp_path / "out", {"resume": True}, training__batcher__size=80)
    assert "another config (training)" in caplog.text


def test_a_finished_run_stays_as_it_was(corpora, tmp_path):
    """Also where it was killed between its last checkpoint and `model-last`."""
    for changes in ({}, {"training__patience": 2, "training__eval_frequency": 1}):
        if changes:
            changes["training__optimizer__learn_rate__initial_rate"] = 0.0
        output = tmp_path / f"out{len(changes)}"
        train(corpora, output, **changes)
        before = weights(output / "model-last")
        steps = sorted(path.name for path in (output / "checkpoints").iterdir())
        shutil.rmtree(output / "model-last")
        train(corpora, output, {"resume": True}, **changes)
        assert farthest(weights(output / "model-last"), before) == 0
        assert sorted(path.name for path in (output / "checkpoints").iterdir()) == steps


def test_a_run_that_the_data_ended_keeps_its_checkpoint(corpora, tmp_path):
    changes = {"training__max_steps": 0, "training__max_epochs": 1, "training__batcher__size": 200}
    changes["training__optimizer__learn_rate__total_steps"] = 100
    train(corpora, tmp_path / "out", {"keep": 1}, **changes)
    (kept,) = (tmp_path / "out" / "checkpoints").iterdir()
    written = (kept / "optimizer.pt").stat().st_mtime_ns
    train(corpora, tmp_path / "out", {"keep": 1, "resume": True}, **changes)
    assert (kept / "optimizer.pt").stat().st_mtime_ns == written


def test_an_adapter_that_is_given_is_resumed_in_the_same_process(
    corpora, plain_lm_folder, tmp_path
):
    tune_adapter(corpora, plain_lm_folder, tmp_path / "first")
    adapter = str(tmp_path / "first" / "model-last" / "padellm_ner" / "model")
    on = {"components__padellm_ner__model__adapter": adapter}
    for name, steps in (("whole", 4), ("cut", 2)):
        tune_adapter(corpora, plain_lm_folder, tmp_path / name, training__max_steps=steps, **on)
    tune_adapter(corpora, plain_lm_folder, tmp_path / "cut", resume=True, **on)
    whole, cut = (adapter_of(tmp_path / name / "model-last") for name in ("whole", "cut"))
    assert farthest(whole, cut) == 0
    assert farthest(whole, adapter_of(tmp_path / "first" / "model-last")) > 0


def test_another_corpus_is_another_tokenizer(corpora, tmp_path):
    train(corpora, tmp_path / "out", training__max_steps=3)
    nlp = spacy.blank("en")
    other = tmp_path / "other"
    other.mkdir()
    docs = [nlp.make_doc(f"Wholly unlike words number {i}") for i in range(40)]
    examples = [eg.reference for eg in make_examples(nlp, 20)]
    for doc in docs:
        doc.set_ents([])
    for name in ("train", "dev"):
        DocBin(docs=[*examples, *docs]).to_disk(other / f"{name}.spacy")
    with pytest.raises(ValueError, match="the corpus is not the one"):
        train(other, tmp_path / "out", {"resume": True})


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
