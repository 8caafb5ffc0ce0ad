"""Pipelines whose models read causally, as servers do."""

import random

import pytest
import spacy
from sample_pipelines import SCRATCH_MODEL, make_examples
from spacy.util import fix_random_seed

from remote.serving import serve


@pytest.fixture(scope="session")
def make_causal(tmp_path_factory):
    """`make_causal(preset)` gives the folder of a trained pipeline with that template."""
    made = {}

    def make(preset):
        if preset not in made:
            fix_random_seed(0)
            nlp = spacy.blank("en")
            template = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": preset}
            nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "template": template}})
            examples = make_examples(nlp, 200)
            optimizer = nlp.initialize(lambda: examples)
            optimizer.learn_rate = 0.003
            draw = random.Random(0)
            for _ in range(200):
                nlp.update(draw.sample(examples, 16), sgd=optimizer)
            made[preset] = tmp_path_factory.mktemp(preset) / "pipeline"
            nlp.to_disk(made[preset])
        return made[preset]

    return make


@pytest.fixture(scope="session")
def causal(make_causal):
    return make_causal("compact")


@pytest.fixture(scope="module")
def served(causal):
    pytest.importorskip("uvicorn")
    model = causal / "padellm_ner" / "model"
    with serve("completions_server.py", model) as url:
        yield url, model
