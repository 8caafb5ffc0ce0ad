"""First use from several threads: one load at a time in a process, shared by those that wait."""

import copy
import json
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import spacy
import transformers
from sample_pipelines import add_scratch_pipe, make_examples, spans_of

from spacy_padellm.models.shared_result import SharedResult

from .first_use import TEXT, at_once, llm

SCRIPT = Path(__file__).parent / "first_use.py"


@pytest.mark.slow
def test_every_door_in_a_new_process(trained_folder):
    pytest.importorskip("spacy_llm")
    pytest.importorskip("uvicorn")
    command = [sys.executable, str(SCRIPT), str(trained_folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    box = found.pop("box")
    assert box == [box[0]] * len(box) and ["Paris", "LOC"] in box[0]
    for door, answers in found.items():
        assert answers, door
        assert answers == [[["Ada Lovelace", "PER"], ["Paris", "LOC"]]] * len(answers), door


@pytest.mark.parametrize("n", [2, 8])
def test_threads_of_one_pipeline_share_a_load(random_nlp, loads, n):
    nlp = random_nlp()
    expected = spans_of(random_nlp()(TEXT))
    before = loads["loads"]
    assert at_once(n, lambda i: spans_of(nlp(TEXT))) == [expected] * n
    assert loads["loads"] - before == 1


@pytest.mark.parametrize("n", [2, 5, 8])
def test_pipelines_load_one_after_the_other(random_nlp, loads, n):
    expected = spans_of(random_nlp()(TEXT))
    assert at_once(n, lambda i: spans_of(random_nlp()(TEXT))) == [expected] * n
    assert loads["most"] == 1 and loads["loads"] == n + 1


def test_loading_training_and_adapters_together(random_nlp, lm_folder, trained_folder):
    """Making layers needs the functions that a load takes away for a time."""
    trained = spans_of(spacy.load(trained_folder)(TEXT))

    def load(i):
        return spans_of(spacy.load(trained_folder)(TEXT)) == trained

    def train(i):
        nlp = spacy.blank("en")
        add_scratch_pipe(nlp)
        examples = make_examples(nlp, 8)
        nlp.update(examples, sgd=nlp.initialize(lambda: examples))
        return all(weight.isfinite().all() for weight in weights(nlp))

    def adapt(i):
        nlp = random_nlp(model={"peft": {"rank": 2}})
        nlp.initialize(lambda: make_examples(nlp, 4))
        lora = [w for name, w in named_weights(nlp) if "lora_A" in name]
        # At random, as peft makes it; what is left out of it is zeros, or whatever was there.
        return bool(lora) and all(0 < w.abs().max() < 1 for w in lora)

    work = [load, train, adapt, load, train, adapt]
    assert at_once(6, lambda i: work[i](i)) == [True] * 6


def named_weights(nlp):
    return list(nlp.get_pipe("padellm_ner").shim.loaded.lm.model.named_parameters())


def weights(nlp):
    return [weight for _, weight in named_weights(nlp)]


def test_the_llm_component_shares_a_load(trained_folder, loads):
    pytest.importorskip("spacy_llm")
    nlp = llm(trained_folder)
    found = at_once(4, lambda i: spans_of(nlp(TEXT)))
    assert found == [[(0, 12, "PER"), (22, 27, "LOC")]] * 4 and loads["loads"] == 1


def test_a_failure_is_shared_and_the_next_call_tries_again(lm_folder, tmp_path, loads):
    nlp = spacy.blank("en")
    folder = tmp_path / "model"
    folder.mkdir()
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(folder)}, "labels": ["PER", "LOC"]})
    messages = at_once(4, lambda i: nlp(TEXT))
    assert all(str(folder) in message for message in messages), messages
    for path in lm_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    assert all(isinstance(doc, spacy.tokens.Doc) for doc in at_once(4, lambda i: nlp(TEXT)))
    assert loads["loads"] == 1


def test_what_others_load_is_not_the_fault_of_the_folder(random_nlp, monkeypatch):
    """As when a thread of another library is in the middle of a load."""
    nlp = random_nlp()
    with monkeypatch.context() as patch:
        patch.setattr(transformers.PreTrainedModel, "tie_weights", lambda *_, **__: None)
        with pytest.raises(ValueError, match="another thread was loading") as error:
            nlp(TEXT)
    assert "incomplete" not in str(error.value) and "lacks" not in str(error.value)
    assert spans_of(nlp(TEXT)) == spans_of(random_nlp()(TEXT))


# --- the result that threads share


def test_an_interrupt_is_for_its_own_thread():
    shared, begun = SharedResult(), threading.Event()

    def interrupted():
        begun.set()
        time.sleep(0.05)
        raise KeyboardInterrupt

    def first():
        with pytest.raises(KeyboardInterrupt):
            shared.get(interrupted)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(first)
        begun.wait()
        assert pool.submit(shared.get, lambda: 5).result(10) == 5


def test_a_copy_of_what_is_being_made_begins_anew():
    shared, go = SharedResult(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shared.get, lambda: go.wait() and "old")
        for make in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
            assert make(shared).get(lambda: "new") == "new"
        go.set()
        assert running.result() == "old" and shared.get(lambda: "later") == "later"


def test_who_asks_after_a_failure_never_gets_it(monkeypatch):
    """Also at the moment at which those are told who have waited."""
    shared, came = SharedResult(), []
    told = Future.set_exception

    def tell(future, error):
        came.append(shared.get(lambda: "new"))
        told(future, error)

    monkeypatch.setattr(Future, "set_exception", tell)
    with pytest.raises(ZeroDivisionError):
        shared.get(lambda: 1 / 0)
    assert came == ["new"]


class OddError(Exception):
    """Takes more than it keeps: it cannot be copied."""

    def __init__(self, a, b):
        super().__init__(a + b)


@pytest.mark.parametrize("error", [ValueError("x"), OSError(5, "x"), OddError("x", "y")])
def test_each_thread_has_an_error_of_its_own(error):
    shared, go = SharedResult(), threading.Event()

    def fail():
        go.wait()
        raise error

    def ask(_):
        try:
            shared.get(fail)
        except Exception as own:
            return own

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, i) for i in range(4)]
        time.sleep(0.1)
        go.set()
        found = [one.result() for one in asked]
    assert {(type(one), str(one)) for one in found} == {(type(error), str(error))}
    assert len({id(one) for one in found}) == (1 if isinstance(error, OddError) else 4)


def test_what_asks_for_itself_is_told_so():
    shared = SharedResult()
    with pytest.raises(RuntimeError, match="by what is loading it"):
        shared.get(lambda: shared.get(lambda: 5))
    assert shared.get(lambda: 5) == 5
