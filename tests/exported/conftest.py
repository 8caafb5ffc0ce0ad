"""Fixtures of the core, for models that are exported."""

from core.conftest import compact_tokenizer

__all__ = ["compact_tokenizer"]
