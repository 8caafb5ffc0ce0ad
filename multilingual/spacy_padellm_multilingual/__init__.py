"""The model `multilingual` of spacy-padellm: Gemma 3 270M with an adapter."""

from pathlib import Path

from spacy_padellm.models.named import NamedModel


def multilingual() -> NamedModel:
    return NamedModel(
        Path(__file__).parent / "model",
        licence="gemma",
        card="Finds PER, ORG and LOC in many languages: Gemma 3 270M with an adapter",
    )
