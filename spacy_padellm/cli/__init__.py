"""`python -m spacy padellm ...`, loaded by spaCy through the entry-point group `spacy_cli`."""

from .app import padellm_app
from .benchmark import benchmark_cli
from .convert import convert_cli
from .train import train_cli
from .trained import merge_cli, push_cli

__all__ = ["benchmark_cli", "convert_cli", "merge_cli", "padellm_app", "push_cli", "train_cli"]
