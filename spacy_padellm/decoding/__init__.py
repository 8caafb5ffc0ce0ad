"""Counts, then mentions, with probabilities; no spaCy."""

from .decoder import Decoder, DecodingWork, TextInput

__all__ = ["Decoder", "DecodingWork", "TextInput"]
