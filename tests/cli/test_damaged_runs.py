"""Training folders with damaged checkpoints, and with another run in them."""

import shutil

import pytest
import torch

from spacy_padellm.atomic import BusyError, alone_in
from spacy_padellm.training.from_config.folder import RunFolder

from .config_runs import train, weights


@pytest.fixture
def run(whole, tmp_path):
    """A copy of a run of 6 steps with checkpoints of 3 and 6."""
    return shutil.copytree(whole, tmp_path / "run")


def damage(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_resuming_goes_back_to_the_checkpoint_before(run, whole, corpora, name, caplog):
    """And ends where a run ends that nothing disturbed."""
    damage(run / "checkpoints" / "checkpoint-6" / name)
    shutil.rmtree(run / "model-last")
    train(corpora, run, {"resume": True})
    for pipeline in ("model-last", "model-best"):
        ours, theirs = weights(run / pipeline), weights(whole / pipeline)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    told = [r.message for r in caplog.records if "checkpoint-6" in r.message]
    assert len(told) == 1 and name in told[0] and "going on from step 3" in told[0]
    assert (run / "checkpoints" / "damaged-checkpoint-6").is_dir()


def test_what_is_said_where_none_is_whole(run):
    for step in (3, 6):
        damage(run / "checkpoints" / f"checkpoint-{step}" / "model.safetensors")
    with pytest.raises(ValueError, match=r"no checkpoint .* is whole .*checkpoint-6: model"):
        RunFolder(run).where_to_begin(resume=True)
    with pytest.raises(ValueError, match="--resume"):
        RunFolder(run).where_to_begin(resume=False)
    for step in (3, 6):  # killed as they were written: there never was one
        (run / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").unlink()
    assert RunFolder(run).where_to_begin(resume=False) == (None, 0)
    assert RunFolder(run).where_to_begin(resume=True) == (None, 0)
    assert not list((run / "checkpoints").glob("checkpoint-*"))


def test_a_damaged_note_of_the_config_is_said(run, corpora, caplog):
    damage(run / "run.json")
    train(corpora, run, {"resume": True})
    assert "run.json is damaged" in caplog.text


def test_two_runs_in_one_folder_are_refused(run, corpora):
    with alone_in(run), pytest.raises(BusyError, match="another run"):
        train(corpora, run, {"resume": True})


def test_a_run_that_cannot_begin_leaves_no_folder(corpora, tmp_path):
    with pytest.raises(ValueError, match="no_such_field"):
        train(corpora, tmp_path / "new", {"arguments": {"no_such_field": 1}})
    assert not (tmp_path / "new").exists()


def test_a_best_pipeline_that_lost_its_name_gets_it_back(run):
    """A run was killed as a new one took its place."""
    (run / "model-best").replace(run / ".model-best.old")
    with RunFolder(run).alone():
        assert (run / "model-best" / "meta.json").exists()
