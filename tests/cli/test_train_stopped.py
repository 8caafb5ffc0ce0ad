"""`padellm train` that is stopped: what it says of going on."""

import errno
import json

import pytest

from spacy_padellm.training.checkpoints import telling_of_full_disk
from spacy_padellm.training.from_config import own_data_run
from spacy_padellm.training.from_config.folder import RunFolder

from .own_data import train, write_csv


def checkpoint(output, step):
    folder = output / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))


@pytest.mark.parametrize("step", [0, 20])
def test_ctrl_c_names_resume_only_where_it_works(step, tmp_path, monkeypatch):
    def stop(data, overrides, options, say):
        if step:
            checkpoint(options.output, step)
        raise KeyboardInterrupt

    monkeypatch.setattr(own_data_run, "train_on_data", stop)
    path = write_csv(tmp_path / "gold.csv", [("Ada ran.", [[0, 3, "PER"]])])
    code, told = train(path, "-o", tmp_path / "out")
    assert code == 130
    assert ("--resume" in told) == bool(step)
    told_to = "To continue from step 20" if step else "the same command begins again"
    assert told_to in told and ("--save-every" in told) != bool(step)


@pytest.mark.parametrize("step", [0, 20])
def test_a_full_disk_names_resume_only_where_it_works(step, tmp_path):
    if step:
        checkpoint(tmp_path, step)
    with (
        pytest.raises(OSError, match="the disk is full") as failed,
        telling_of_full_disk(tmp_path / "checkpoints"),
    ):
        raise OSError(errno.ENOSPC, "no space left on device")
    assert ("--resume" in str(failed.value)) == bool(step)
    assert ("give the same command again" in str(failed.value)) != bool(step)


def test_resume_without_a_checkpoint_says_that_it_begins_anew(tmp_path, caplog):
    assert RunFolder(tmp_path).where_to_begin(resume=True) == (None, 0)
    assert "no checkpoint to go on from: starting anew" in caplog.text
