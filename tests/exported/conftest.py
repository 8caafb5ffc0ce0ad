"""Fixtures of the core, and pipelines that write and point, exported and not."""

from pathlib import Path

import pytest
import spacy
from core.conftest import compact_tokenizer
from sample_pipelines import SCRATCH_MODEL, make_examples
from spacy.util import fix_random_seed

from .commands import run, said

__all__ = ["compact_tokenizer"]


@pytest.fixture(scope="session")
def exported_folder(trained_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "pipeline"
    done = run(trained_folder, "-o", folder)
    assert done.exit_code == 0, done.output
    assert "found by only one of the two 0" in said(done) and "by onnxruntime" in said(done)
    return folder


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
