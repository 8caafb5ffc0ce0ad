"""`padellm train` of a file of texts from the model in the box, in one process and in two."""

import json
import os
import socket
import subprocess
import sys

import pytest
import spacy

from .config_runs import ENVIRONMENT, farthest, losses, run, weights


def in_two_processes(*arguments):
    """As `accelerate launch` and `torchrun` start them, without what they load besides."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            arguments,
            env={**ENVIRONMENT, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=600) for process in started]
    assert not any(process.returncode for process in started), ended
    return ended


@pytest.mark.slow
def test_two_processes_tune_the_box_as_one_does(data, tmp_path):
    """A step is shared between them; one of them alone tells and writes."""
    options = ["--training.max_steps=2", "--training.batcher.size=200", "--training.dropout=0"]
    options += ["--components.padellm_ner.model.mixed_precision=false"]
    command = [sys.executable, "-m", "spacy", "padellm", "train", str(data), *options]
    one = run(*command, "-o", str(tmp_path / "one"))
    assert one.returncode == 0, one.stderr[-2000:]
    (told, _), (silent, _) = in_two_processes(*command, "-o", str(tmp_path / "two"))
    assert "held out" in told and "The best pipeline is in" in told and not silent.strip()
    assert losses(tmp_path / "two") == losses(tmp_path / "one")
    ours, theirs = (weights(tmp_path / name / "model-last") for name in ("one", "two"))
    assert farthest(ours, theirs) < 2e-5
    report = json.loads((tmp_path / "two" / "report.json").read_text())
    assert report["processes"] == 2
    nlp = spacy.load(tmp_path / "two" / "model-best")
    assert set(nlp.get_pipe("padellm_ner").labels) == {"PER", "LOC"}
    assert os.path.getsize(tmp_path / "two" / "dev.spacy") > 0
