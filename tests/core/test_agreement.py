"""Processes of one run: what the first decides holds for all; what fails there, fails in all."""

import os
import socket
import subprocess
import sys

PROGRAM = """
import os, sys, time
from pathlib import Path
from spacy_padellm.training.agreement import agree
from spacy_padellm.training.from_config.folder import RunFolder
from spacy_padellm.training.from_config.start import find_start

rank = os.environ["RANK"]
if rank == "1":
    time.sleep(1)  # by then the first has put the damaged one aside
print(agree(lambda: [rank, None]))
print(find_start(RunFolder(Path(sys.argv[1])), True))
import torch.distributed
torch.distributed.init_process_group("gloo")  # as it is set up later, from the same place
torch.distributed.barrier()

def fail():
    raise KeyError("no disk")

try:
    agree(fail)
except (KeyError, ValueError) as error:
    print(type(error).__name__, error)
torch.distributed.barrier()
"""


def in_two(*arguments):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        place = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1])}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env={**os.environ, **place, "WORLD_SIZE": "2", "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=240) for process in started]
    assert not any(process.returncode for process in started), ended
    return ended


def test_the_first_decides(tmp_path):
    for step, state in ((3, '{"global_step": 3}'), (6, '{"global_step": 6}')):
        folder = tmp_path / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(state)
    (folder / "optimizer.pt").write_bytes(b"cut")
    (tmp_path / "run.json").write_text('{"fast_in_bfloat16": true}')
    (first, told), (second, silent) = in_two(str(tmp_path))
    *first, raised = first.splitlines()
    *second, raised_there = second.splitlines()
    assert first == second and first[0] == "['0', None]"
    assert "checkpoint-3'), step=3, fast_in_bfloat16=True" in first[1]
    assert raised == "KeyError 'no disk'" and raised_there == "ValueError 'no disk'"
    assert "checkpoint-6 is not whole" in told and "whole" not in silent
