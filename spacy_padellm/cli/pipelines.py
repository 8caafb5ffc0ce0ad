"""Saved pipelines that commands are given."""

from pathlib import Path

import spacy
from spacy.language import Language

from ..component import PaDeLLMNER


def is_pipeline(path: Path) -> bool:
    return (path / "meta.json").exists()


def load_pipeline(path: Path) -> tuple[Language, PaDeLLMNER]:
    """The pipeline with its first padellm_ner. Raises ValueError where there is none."""
    if not is_pipeline(path):
        raise ValueError(f"{path} is no pipeline: it has no meta.json")
    nlp = spacy.load(path)
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, PaDeLLMNER):
            return nlp, pipe
    others = ", ".join(nlp.pipe_names) or "no component at all"
    raise ValueError(f"the pipeline {path} has no padellm_ner, but {others}")
