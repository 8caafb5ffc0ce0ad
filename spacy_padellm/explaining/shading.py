"""Texts cut into pieces that are shaded by the spans over them. Knows no HTML."""

import colorsys
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..colors import COLORS


@dataclass(frozen=True)
class Shade:
    """A span to be shown: characters start to end, its label and probability (None: unknown)."""

    start: int
    end: int
    label: str
    probability: float | None = None


@dataclass(frozen=True)
class Piece:
    """Some characters of a text that lie under the same spans, the likeliest first.

    ends: the spans whose last characters these are.
    """

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


def color_of(label: str) -> str:
    """#rrggbb: of the labels of the model in the box, or made of the label's name."""
    if label in COLORS:
        return COLORS[label]
    hue = int.from_bytes(hashlib.blake2b(label.encode(), digest_size=2).digest(), "big") / 65536
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72, 0.75)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
