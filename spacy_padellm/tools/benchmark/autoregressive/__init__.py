"""Autoregressive NER, one long answer a text: what parallel decoding is compared with."""

from .answers import AnswerFormat, Augmented, Structured, get_answer_format
from .decoder import AutoregressiveDecoder
from .examples import make_answer_text

__all__ = [
    "AnswerFormat",
    "Augmented",
    "AutoregressiveDecoder",
    "Structured",
    "get_answer_format",
    "make_answer_text",
]
