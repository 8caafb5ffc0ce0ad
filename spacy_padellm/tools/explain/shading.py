"""Texts cut into pieces that are shaded by the spans over them. Knows no HTML."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..pages.colors import color_of


@dataclass(frozen=True)
class Shade:
    """A span to be shown: characters start to end, its label and probability (None: unknown)."""

    start: int
    end: int
    label: str
    probability: float | None = None


@dataclass(frozen=True)
class Piece:
    """Some characters of a text that lie under the same spans, the likeliest first. ends: the spans
    whose last characters these are."""

    text: str
    shades: tuple[Shade, ...]
    ends: tuple[Shade, ...]

    @property
    def background(self) -> str:
        """A CSS colour, the paler the less likely; empty where there is no span."""
        if not self.shades:
            return ""
        first = self.shades[0]
        share = 1.0 if first.probability is None else max(0.0, min(1.0, first.probability))
        return f"{color_of(first.label)}{round(255 * (0.15 + 0.85 * share)):02x}"


def shade(text: str, shades: Sequence[Shade]) -> list[Piece]:
    """The text in pieces, in order; spans may nest and overlap."""
    cuts = sorted({0, len(text), *(s.start for s in shades), *(s.end for s in shades)})
    pieces = []
    for start, end in itertools.pairwise(cuts):
        over = [s for s in shades if s.start <= start and end <= s.end]
        over.sort(key=lambda s: (-(1.0 if s.probability is None else s.probability), s.start))
        ends = tuple(s for s in over if s.end == end)
        pieces.append(Piece(text[start:end], tuple(over), ends))
    return pieces
