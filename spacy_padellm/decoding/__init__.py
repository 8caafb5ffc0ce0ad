"""Counts, then mentions, with probabilities; no spaCy."""

from .decoder import Decoder, DecodingWork, TextInput
from .replicas import ReplicaDecoder

__all__ = ["Decoder", "DecodingWork", "ReplicaDecoder", "TextInput"]
