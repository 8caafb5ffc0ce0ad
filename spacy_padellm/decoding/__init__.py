"""Texts and labels in; counts, then mentions, with probabilities out.

Knows prompts and sessions; nothing of torch, of files, or of spaCy.
"""

from .decoder import Batch, Decoder, DecodingWork, TextInput
from .replicas import ReplicaDecoder
from .settings import DecodingSettings

__all__ = ["Batch", "Decoder", "DecodingSettings", "DecodingWork", "ReplicaDecoder", "TextInput"]
