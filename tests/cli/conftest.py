"""Corpora and runs that several tests of commands begin with."""

import pytest
import spacy
from sample_pipelines import make_examples, spans_of
from spacy.tokens import DocBin

from .config_runs import train
from .own_data import write_csv


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    nlp = spacy.blank("en")
    for name, n in (("train", 60), ("dev", 12)):
        DocBin(docs=[eg.reference for eg in make_examples(nlp, n)]).to_disk(
            folder / f"{name}.spacy"
        )
    return folder


@pytest.fixture(scope="session")
def whole(corpora, tmp_path_factory):
    """A run that nothing disturbs."""
    output = tmp_path_factory.mktemp("whole") / "out"
    train(corpora, output)
    return output


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """120 rows, of some hundred different texts."""
    examples = make_examples(spacy.blank("en"), 120)
    rows = [(eg.reference.text, [[*span] for span in spans_of(eg.reference)]) for eg in examples]
    return write_csv(tmp_path_factory.mktemp("data") / "train.csv", rows)
