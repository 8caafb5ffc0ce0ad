"""Fixtures of the core, for models that are exported; a pipeline that points."""

from pathlib import Path

import pytest
import spacy
from core.conftest import compact_tokenizer
from sample_pipelines import SCRATCH_MODEL, make_examples
from spacy.util import fix_random_seed

__all__ = ["compact_tokenizer"]


@pytest.fixture(scope="session")
def pointing_folder(tmp_path_factory) -> Path:
    """A pipeline that points, trained a little."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {**SCRATCH_MODEL, "pointers": True}})
    examples = make_examples(nlp, 40)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(25):
        nlp.update(examples[:16], sgd=optimizer)
    folder = tmp_path_factory.mktemp("pointing") / "pipeline"
    nlp.to_disk(folder)
    return folder
