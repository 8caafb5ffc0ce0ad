"""What is left of a training that a budget stops: a whole model, or an error in words."""

import shutil
import subprocess
import sys
import threading
import time

import pytest

# A child that writes a model as spaCy does, the old one removed first, a file after the other.
WRITER = """
import shutil, sys, time
from pathlib import Path
output, files, endless = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "endless"
(output / "model-last").mkdir(parents=True)
while True:
    shutil.rmtree(output / "model-best", ignore_errors=True)
    time.sleep(0.1)
    (output / "model-best").mkdir()
    for i in range(files):
        (output / "model-best" / str(i)).write_text("whole")
        time.sleep(0.05)
    if not endless:
        time.sleep(60)
"""


@pytest.fixture
def stop(tmp_path, monkeypatch):
    """Runs the writer until its time is up. Returns what `_spacy` returns."""
    from tuning import spacy_training

    monkeypatch.setattr(spacy_training, "QUIET", 0.6)
    monkeypatch.setattr(spacy_training, "MOST_WAIT", 2.0)
    popen, begun = subprocess.Popen, []

    def instead(command):
        begun.append(popen([sys.executable, "-c", WRITER, str(tmp_path), *command[3:]]))
        while not (tmp_path / "model-best").exists():
            time.sleep(0.02)
        return begun[0]

    monkeypatch.setattr(spacy_training.subprocess, "Popen", instead)

    def run(files, kind):
        try:
            return spacy_training._spacy([str(files), kind], 0.1, tmp_path / "model-best")
        finally:
            assert begun[0].poll() is not None

    return run


def test_a_model_that_is_being_written_is_waited_for(stop, tmp_path):
    assert stop(15, "once") is False
    assert len([*(tmp_path / "model-best").iterdir()]) == 15


def test_a_model_that_is_written_for_ever_is_an_error(stop):
    with pytest.raises(RuntimeError, match=r"model-best is still being written.*--budget"):
        stop(3, "endless")


def test_files_that_go_while_they_are_looked_at_are_no_error(tmp_path):
    from tuning.spacy_training import _files

    stopped = threading.Event()

    def churn():
        while not stopped.is_set():
            (tmp_path / "model-best" / "ner").mkdir(parents=True)
            (tmp_path / "model-best" / "ner" / "file").touch()
            shutil.rmtree(tmp_path / "model-best")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(200):
            assert len(_files(tmp_path)) <= 1
    finally:
        stopped.set()
        thread.join()
