"""Memory of a process that multiplies matrices of many shapes in bfloat16, as texts make them."""

import os
import subprocess
import sys

import pytest
import torch

from spacy_padellm.lm.primitive_caches import CAPACITIES

GROWTH = """
import resource
import torch
import spacy_padellm.lm.language_model

def multiply(rows):
    states = torch.ones(rows, 384, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        (linear(states).sum() + deep(states).sum()).backward()

linear, deep = torch.nn.Linear(384, 1536), torch.nn.Linear(384, 384)
torch.set_num_threads(1)
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
multiply(600)
before = most()
for rows in range(200, 500):
    multiply(rows)
print(most() - before)
"""


def growth(**environment):
    """MiB."""
    known = {k: v for k, v in os.environ.items() if k not in CAPACITIES}
    run = subprocess.run(
        [sys.executable, "-c", GROWTH],
        env=known | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
def test_memory_does_not_grow_with_every_length_of_texts():
    unlimited = growth(**dict.fromkeys(CAPACITIES, "1024"))  # what users say is heeded
    if unlimited < 100:
        pytest.skip(f"this CPU keeps {unlimited} MiB at most")
    assert growth() < unlimited / 2
