"""Parallel-decoding named entity recognition with causal language models, for spaCy."""

__version__ = "0.1.0"
