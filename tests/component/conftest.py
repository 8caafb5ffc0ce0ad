"""Fixtures of the component's tests."""

import json
import time

import pytest
import spacy
import transformers
from sample_pipelines import make_examples

from .pointing import pointing_nlp, train
from .shown import EXAMPLES


@pytest.fixture
def loads(monkeypatch):
    """Watches what transformers loads: how many models so far, and how many most at a time."""
    real = transformers.AutoModelForCausalLM.from_pretrained
    seen = {"loads": 0, "now": 0, "most": 0}

    def slow(*args, **kwargs):
        seen["loads"] += 1
        seen["now"] += 1
        seen["most"] = max(seen["most"], seen["now"])
        try:
            time.sleep(0.05)
            return real(*args, **kwargs)
        finally:
            seen["now"] -= 1

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", slow)
    return seen


@pytest.fixture(scope="session")
def pointing_folder(tmp_path_factory):
    nlp = pointing_nlp()
    train(nlp, make_examples(nlp, 80))
    folder = tmp_path_factory.mktemp("pointing") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def pointing(pointing_folder):
    return spacy.load(pointing_folder)


@pytest.fixture
def shown_model(plain_lm_folder):
    return {"@architectures": "spacy_padellm.CausalLM.v1", "name": str(plain_lm_folder)}


@pytest.fixture
def make_shown(shown_model):
    def make(examples, **settings):
        nlp = spacy.blank("en")
        settings = {"model": shown_model, "max_count": 3, "max_mention_tokens": 6, **settings}
        nlp.add_pipe("padellm_ner", config={"examples": examples, **settings})
        return nlp

    return make


@pytest.fixture
def examples_path(tmp_path):
    path = tmp_path / "examples.jsonl"
    path.write_text("\n".join(map(json.dumps, EXAMPLES)), encoding="utf8")
    return path
