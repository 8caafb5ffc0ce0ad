"""Fixtures of the tests of spacy-llm's component."""

import pytest


@pytest.fixture
def model_folder(trained_folder):
    return trained_folder / "padellm_ner" / "model"
