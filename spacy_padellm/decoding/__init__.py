"""Counts, then mentions, with probabilities; no spaCy."""

from .decoder import Batch, Decoder, DecodingWork, TextInput
from .replicas import ReplicaDecoder

__all__ = ["Batch", "Decoder", "DecodingWork", "ReplicaDecoder", "TextInput"]
