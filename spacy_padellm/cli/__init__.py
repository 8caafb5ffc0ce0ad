"""`python -m spacy padellm ...`, loaded by spaCy through the entry-point group `spacy_cli`."""

from .app import padellm_app
from .convert import convert_cli

__all__ = ["convert_cli", "padellm_app"]
