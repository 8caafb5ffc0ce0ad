"""`python -m spacy padellm ...`, loaded by spaCy through the entry-point group `spacy_cli`."""

from .app import padellm_app
from .benchmark import benchmark_cli
from .convert import convert_cli
from .train import train_cli

__all__ = ["benchmark_cli", "convert_cli", "padellm_app", "train_cli"]
