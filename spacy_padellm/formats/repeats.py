"""Texts that were there before, with other spans: one of the two teaches what the other denies."""

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .annotated_text import AnnotatedText, Fault, Problem

REPEATS: tuple[Fault, ...] = ("repeat", "renumbered")


class _First(NamedTuple):
    """Of the first text of its kind. spans: a hash of them."""

    spans: int
    file: str
    line: int
    id: Any


@dataclass
class Repeats:
    """The texts of a corpus so far, of which only hashes are kept. Those of which something is
    unknown, and those in which other labels were looked for, contradict none."""

    _first: dict[int, _First] = field(default_factory=dict)

    def see(self, text: AnnotatedText, by_rows: bool = False) -> Problem | None:
        """What is to be said of a text, if it contradicts the first of its kind. by_rows: an id may
        be the number of a row, so that rows of one text are apart."""
        if not text.annotated or text.unknown or not text.text.strip():
            return None
        labels = None if text.labels is None else frozenset(text.labels)
        spans = hash(frozenset(text.spans))
        this = _First(spans, sys.intern(text.file), text.line, text.meta.get("id"))
        first = self._first.setdefault(hash((text.text, labels)), this)
        if first.spans == spans:
            return None
        where = f"line {first.line}" if first.file == text.file else f"{first.file}:{first.line}"
        renumbered = by_rows and first.id != this.id
        ids = " and another id" if renumbered else ""
        reason = f"is the same text as in {where} with other spans{ids}; both are read"
        return text.left_out(reason, lost=False, fault="renumbered" if renumbered else "repeat")
