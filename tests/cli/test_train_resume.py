"""`padellm train` that is killed, out of disk, over, or begun with something else."""

import resource
import shutil
import signal
import subprocess
import time

import pytest
import spacy
from sample_pipelines import make_examples
from spacy.tokens import DocBin

from .config_runs import ENVIRONMENT, command, farthest, run, train, tune_adapter, weights


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


@pytest.mark.slow
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


def test_a_changed_config_is_told_on_resuming(corpora, tmp_path, caplog):
    train(corpora, tmp_path / "out", training__max_steps=3)
    train(corpora, tmp_path / "out", {"resume": True}, training__batcher__size=80)
    assert "another config (training.batcher.size)" in caplog.text


def test_other_weights_than_those_of_the_checkpoints_are_refused(
    corpora, plain_lm_folder, tmp_path
):
    output, model = tmp_path / "out", "components.padellm_ner.model"
    tune_adapter(corpora, plain_lm_folder, output, training__max_steps=2)
    for name, value in (("peft.rank", 4), ("peft.targets", ["q_proj"]), ("pointers", True)):
        changes = {f"{model}.{name}": value}
        with pytest.raises(ValueError, match="begin anew") as error:
            tune_adapter(corpora, plain_lm_folder, output, resume=True, **changes)
        assert f"({model}.{name})" in str(error.value) and str(output) in str(error.value)
    tune_adapter(corpora, plain_lm_folder, output, resume=True)


def test_labels_keep_the_vectors_that_they_learned(corpora, plain_lm_folder, tmp_path):
    """A checkpoint has them by number, so that another label would go on with those of a first."""
    points = {"components__padellm_ner__model__pointers": True}
    first = {"initialize__components": {"padellm_ner": {"labels": ["PER", "LOC"]}}}
    tune_adapter(
        corpora, plain_lm_folder, tmp_path / "out", training__max_steps=2, **points, **first
    )
    for labels in (["PER", "LOC", "ORG"], ["ZEBRA", "LOC"], ["LOC", "PER"]):
        others = {"initialize__components": {"padellm_ner": {"labels": labels}}}
        with pytest.raises(ValueError, match=r"\(labels\), or begin anew"):
            tune_adapter(
                corpora, plain_lm_folder, tmp_path / "out", resume=True, **points, **others
            )


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
