"""Texts and labels in; counts, then mentions, with probabilities out.

Knows prompts and sessions; nothing of torch, of files, or of spaCy.
"""

from .decoder import Decoder
from .replicas import Replica, ReplicaDecoder
from .settings import DecodingSettings
from .text_decoder import Batch, DecodingWork, TextDecoder, TextInput

__all__ = [
    "Batch",
    "Decoder",
    "DecodingSettings",
    "DecodingWork",
    "Replica",
    "ReplicaDecoder",
    "TextDecoder",
    "TextInput",
]
