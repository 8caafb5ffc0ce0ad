"""Products beside the passes of a graph: those of numpy, without its threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_padellm.lm.onnx.head import Head, Table
from spacy_padellm.lm.onnx.products import compare

# Products of a size at which OpenBLAS takes its threads; then what the process does at rest.
AT_REST = """
import time
import numpy as np
from spacy_padellm.lm.onnx.head import Head, Table
from spacy_padellm.lm.onnx.pointers import OnnxPointers

def some(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)

weights = {"into.weight": some(384, 96), "into.bias": some(384), "norm.weight": some(480),
           "norm.bias": some(480), "label_norm.weight": some(384), "label_norm.bias": some(384),
           "query.weight": some(960, 384), "query.bias": some(960), "own.weight": some(4, 960),
           "bias.weight": some(4, 2), "rare": some(2)}
pointers = OnnxPointers(None, weights, list("abcd"))
head = Head(Table(some(3000, 384)))
spent = []
for _ in range(5):
    words, hidden = some(2000, 96), some(2000, 384)
    queries = pointers.queries(pointers.added(words)[:4], list("abcd"))
    assert head.logits(hidden[:64], head.whole).shape == (64, 3000)
    found = pointers.probabilities(hidden, words, queries)
    assert found.shape == (2000, 2, 4)
    before = time.process_time()
    time.sleep(0.015)
    spent.append(time.process_time() - before)
print(min(spent))
"""


@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 40), st.integers(0, 9))
def test_products_are_those_of_numpy(shape, width, n):
    random = np.random.default_rng(width)
    rows, others = (random.normal(size=(*of, width)).astype(np.float32) for of in (shape, [n]))
    found = compare(rows, others)
    assert found.dtype == np.float32 and found.shape == (*shape, n)
    np.testing.assert_allclose(found, rows @ others.T, atol=1e-4)
    np.testing.assert_allclose(compare(rows, np.asfortranarray(others)), found, atol=1e-6)


@given(
    st.lists(st.integers(0, 3), max_size=2),
    st.lists(st.integers(0, 19), max_size=6),
    st.booleans(),
    st.sampled_from([None, 2.0]),
    st.sampled_from([1.0, 0.5]),
)
def test_logits_are_those_of_numpy(shape, choices, biased, softcap, scale):
    random = np.random.default_rng(len(choices))
    weight, bias = (random.normal(size=size).astype(np.float32) for size in ((20, 8), 20))
    states = random.normal(size=(*shape, 8)).astype(np.float32)
    head = Head(Table(weight), bias if biased else None, softcap, scale)
    expected = (states @ weight.T + bias * biased) * scale
    if softcap:
        expected = softcap * np.tanh(expected / softcap)
    ids = np.array(choices, dtype=np.int64)
    for found, of in (
        (head.logits(states, head.whole), expected),
        (head.logits(states, head.rows(ids)), expected[..., ids]),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, of, atol=1e-5)


def test_widths_that_differ_are_an_error():
    with pytest.raises(ValueError, match="3 wide"):
        compare(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32))


def test_products_leave_no_thread_that_keeps_a_core_busy():
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", AT_REST], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.005
