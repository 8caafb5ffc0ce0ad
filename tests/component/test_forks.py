"""Forks while other threads load, decode, write or ask: the child has what it needs of its own."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import spacy
from sample_pipelines import TEXTS, make_examples, spans_of

from spacy_padellm.lm.locks import ForkLock
from spacy_padellm.models.load_turn import load_turn
from spacy_padellm.models.shared_bases import Turn
from spacy_padellm.remote.client import CompletionsClient
from spacy_padellm.remote.settings import ServerSettings

from .first_use import TEXT

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_a_fork(work, seconds=60):
    """What `work()` returns in a forked process; fails where that does not end."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=lambda: there.send(work()))
    process.start()
    try:
        assert here.poll(seconds), "the child hangs"
        return here.recv()
    finally:
        process.kill()
        process.join()


@contextmanager
def held(*locks):
    """Another thread has them."""
    there, go = threading.Event(), threading.Event()

    def hold():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            there.set()
            go.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        there.wait()
        try:
            yield
        finally:
            go.set()


def test_a_fork_waits_for_a_load_and_then_loads_itself(random_nlp, loads):
    other, nlp = random_nlp(), random_nlp()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(other, TEXT)
        while not loads["now"]:
            time.sleep(0.001)
        process = multiprocessing.get_context("fork").Process(target=nlp, args=(TEXT,))
        process.start()
        process.join(60)
        assert process.exitcode == 0
        assert spans_of(loading.result()) == spans_of(nlp(TEXT))


def test_forked_workers_while_another_pipeline_loads(random_nlp, loads):
    nlp, other = random_nlp(), random_nlp()
    expected = [spans_of(doc) for doc in nlp.pipe(TEXTS)]
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(other, TEXT)
        found = [spans_of(doc) for doc in nlp.pipe(TEXTS, n_process=2, batch_size=2)]
        assert found == expected and loading.result()


@pytest.fixture(scope="module")
def adapted(lm_folder, tmp_path_factory):
    """Two pipelines with adapters of their own on one base."""
    folders = []
    for seed in range(2):
        nlp = spacy.blank("en")
        model = {"name": str(lm_folder), "peft": {"rank": 4}}
        nlp.add_pipe("padellm_ner", config={"model": model, "labels": ["PER", "LOC"]})
        optimizer = nlp.initialize(lambda nlp=nlp: make_examples(nlp, 4))
        optimizer.learn_rate = 0.05 * (seed + 1)
        for _ in range(3 + seed):
            nlp.update(make_examples(nlp, 8), sgd=optimizer)
        folders.append(tmp_path_factory.mktemp("adapted") / str(seed))
        nlp.to_disk(folders[-1])
    loaded = [spacy.load(folder) for folder in folders]
    models = [nlp.get_pipe("padellm_ner").shim.loaded.lm.model for nlp in loaded]
    assert models[0] is models[1]
    return loaded


def test_a_fork_while_a_thread_decodes_with_a_shared_base(adapted):
    expected = [[spans_of(doc) for doc in nlp.pipe(TEXTS)] for nlp in adapted]
    assert expected[0] != expected[1]
    stop = threading.Event()

    def decode(nlp):
        while not stop.is_set():
            list(nlp.pipe(TEXTS))

    def in_child(first):
        order = [first, 1 - first]
        found = {i: [spans_of(doc) for doc in adapted[i].pipe(TEXTS)] for i in order}
        return [found[i] for i in range(2)]

    with ThreadPoolExecutor(2) as pool:
        for nlp in adapted:
            pool.submit(decode, nlp)
        try:
            for i in range(6):
                assert in_a_fork(lambda i=i: in_child(i % 2)) == expected
        finally:
            stop.set()


def test_an_adapter_that_was_put_on_by_half_is_put_on_anew(adapted):
    """As where a fork comes between the layers."""
    nlp = adapted[0]
    expected = [spans_of(doc) for doc in nlp.pipe(TEXTS)]
    other, own = (pipe.get_pipe("padellm_ner").shim.loaded.lm for pipe in reversed(adapted))
    model = own.model

    def in_child():
        return [spans_of(doc) for doc in nlp.pipe(TEXTS)]

    with own.turn:
        model.base_model.set_adapter(other.adapter)
    assert model.active_adapter == own.adapter
    try:
        assert in_a_fork(in_child) == expected
    finally:
        model.set_adapter(own.adapter, inference_mode=True)


@pytest.mark.parametrize("make", [ForkLock, Turn])
def test_what_another_thread_holds_is_free_in_a_fork(make):
    lock = make()

    def take():
        with lock:
            return True

    with held(lock):
        assert in_a_fork(take, 20)
    with lock:
        assert in_a_fork(take, 20)  # and is given back once for each time
    assert in_a_fork(take, 20)


def test_the_cache_and_the_client_go_on_in_a_fork(tmp_path):
    pytest.importorskip("spacy_llm")
    from spacy_padellm.spacy_llm.cache import TextCache

    nlp = spacy.blank("en")
    cache = TextCache(tmp_path, 1, 4)
    cache.initialize(nlp.vocab, None)
    client = CompletionsClient(ServerSettings("http://127.0.0.1:9/v1", "m"))

    def use():
        cache.add(nlp(TEXT))
        return cache[nlp(TEXT)].text, client.mask("x")

    with held(cache._lock, client._lock):
        assert in_a_fork(use, 20) == (TEXT, "x")


def test_an_interrupt_while_a_fork_waits_for_a_load(monkeypatch):
    """Python forks all the same; the turn stays with whoever has it."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: said.append(what.exc_value))

    def interrupt(*_):
        raise KeyboardInterrupt

    def take():
        with load_turn():
            taken.set()

    taken = threading.Event()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with held(load_turn()):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                with load_turn():
                    os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert [type(one) for one in said] == [KeyboardInterrupt]
            threading.Thread(target=take).start()
            assert not taken.wait(0.2)
        assert taken.wait(20)
    finally:
        signal.signal(signal.SIGALRM, before)
