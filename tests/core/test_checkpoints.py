"""Checkpoints that are damaged in every way: the one before takes over, and it is said."""

import json
import shutil
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from spacy_padellm.training import checkpoints
from spacy_padellm.training.checkpoints import (
    CHECKSUMS,
    check,
    check_archive,
    last_whole,
    list_checkpoints,
    write_checksums,
)

DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "cut at the end": lambda data: data[:-10],
    "empty": lambda data: b"",
    "noise": lambda data: b"no such thing" * 99,
    "zeros": lambda data: data[:2500] + bytes(500) + data[3000:],
    "bits": lambda data: data[:2500] + bytes(b ^ 255 for b in data[2500:2600]) + data[2600:],
}


@pytest.fixture
def trained(tmp_path):
    """Two checkpoints with the files that transformers' Trainer writes."""
    for step in (3, 6):
        path = tmp_path / f"checkpoint-{step}"
        path.mkdir()
        save_file({"w": torch.full((2000,), float(step))}, path / "model.safetensors")
        torch.save({"state": torch.ones(2000)}, path / "optimizer.pt")
        torch.save({"python": list(range(3000))}, path / "rng_state.pth")
        (path / "config.json").write_text("{}")
        (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        write_checksums(path)
    return tmp_path


@pytest.mark.parametrize("damage", [*DAMAGE, "no state", "gone"])
def test_the_checkpoint_before_takes_over(trained, damage, caplog):
    folder = trained / "checkpoint-6"
    if damage in DAMAGE:
        file = folder / "optimizer.pt"
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
    else:
        (folder / ("trainer_state.json" if damage == "no state" else "optimizer.pt")).unlink()
    assert last_whole(trained).step == 3
    assert "checkpoint-6 is not whole" in caplog.text and "going on from step 3" in caplog.text
    caplog.clear()
    assert last_whole(trained).step == 3 and not caplog.text
    assert (trained / "damaged-checkpoint-6").exists() == (damage != "no state")


@pytest.mark.parametrize("when", ["listed", "read"])
def test_a_checkpoint_that_vanishes_is_not_whole(when, trained, monkeypatch):
    """As another process removes it."""
    newest, _ = list_checkpoints(trained)
    if when == "listed":
        shutil.rmtree(newest.path)
        assert check(newest).wrong == "trainer_state.json is missing"
        return

    def vanish(path):
        shutil.rmtree(newest.path, ignore_errors=True)
        return check_archive(path)

    monkeypatch.setattr(checkpoints, "check_archive", vanish)
    assert check(newest).wrong
    assert last_whole(trained).step == 3


def test_two_damaged_ones_are_named(trained):
    for file in trained.glob("*/optimizer.pt"):
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"checkpoint-6: opt.*checkpoint-3: opt.*remove them"):
        last_whole(trained)


def test_whole_checkpoints_are_whole_with_and_without_checksums(trained):
    assert [one.step for one in list_checkpoints(trained)] == [6, 3]
    assert not any(check(one).wrong for one in list_checkpoints(trained))
    for one in list_checkpoints(trained):
        (one.path / CHECKSUMS).unlink()
    assert not any(check(one).wrong for one in list_checkpoints(trained))
    assert list_checkpoints(trained / "none") == []


@pytest.mark.parametrize("damage", [*DAMAGE, "gone"])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "rng_state.pth"])
def test_any_damage_to_any_file_is_found(trained, name, damage):
    file = trained / "checkpoint-6" / name
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(DAMAGE[damage](data))
    newest, before = map(check, list_checkpoints(trained))
    assert name in newest.wrong and not newest.is_cut and not before.wrong


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"global_step": null}'])
def test_a_state_that_cannot_be_read_is_of_a_checkpoint_that_was_cut(trained, text):
    file = trained / "checkpoint-6" / "trainer_state.json"
    file.unlink()
    if text is not None:
        file.write_text(text)
    newest, before = map(check, list_checkpoints(trained))
    assert newest.is_cut and "trainer_state.json" in newest.wrong and not before.wrong


def test_checksums_that_cannot_be_read(trained):
    for text in ("{", "[]", '{"a": 1}'):
        (trained / "checkpoint-6" / CHECKSUMS).write_text(text)
        assert CHECKSUMS in check(list_checkpoints(trained)[0]).wrong


def test_torch_writes_archives_with_checksums(tmp_path):
    """Which is what `check_archive` builds upon."""
    torch.save({}, tmp_path / "x.pt")
    assert zipfile.is_zipfile(tmp_path / "x.pt")
