"""Pseudo-labels on plain text: what teaches counting and copying before there are true labels.

A model that was only pretrained as a language model writes names that it remembers instead of
copying those of the text. Three labels that a rule can find make it copy: the whole text, runs
of capitalised words, and numbers.
"""

import re
from collections.abc import Iterable, Iterator

from .examples import GoldText

PSEUDO_LABELS = ("whole text", "capitalised words", "numbers")
_CAPITALISED = re.compile(r"\b[A-Z]\w*(?: [A-Z]\w*)*")
_NUMBERS = re.compile(r"\b\d+\b")


def pseudo_gold(text: str) -> GoldText:
    """A text with its pseudo-labelled spans (characters, end exclusive)."""
    spans = [(m.start(), m.end(), PSEUDO_LABELS[1]) for m in _CAPITALISED.finditer(text)]
    spans += [(m.start(), m.end(), PSEUDO_LABELS[2]) for m in _NUMBERS.finditer(text)]
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if end > start:
        spans.append((start, end, PSEUDO_LABELS[0]))
    return GoldText(text, tuple(spans), PSEUDO_LABELS)


def short_pieces(lines: Iterable[str], longest: int = 160) -> Iterator[str]:
    """The beginning of each line, cut between words, of at most `longest` characters."""
    for line in lines:
        piece = line if len(line) <= longest else line[:longest].rpartition(" ")[0]
        if piece.strip():
            yield piece.strip()
