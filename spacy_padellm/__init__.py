"""Parallel-decoding named entity recognition with causal language models, for spaCy."""

from typing import Any

__version__ = "0.2.0"
__all__ = ["__version__", "entity_scores"]


def __getattr__(name: str) -> Any:
    """`entity_scores` needs spaCy, which the core does not: imported when it is asked for."""
    if name == "entity_scores":
        from .pipeline.annotation import entity_scores

        return entity_scores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
