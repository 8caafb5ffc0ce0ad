"""What is known of the mentions of a text, and of what nothing is known.

Knows nothing of Docs. All offsets are characters of the text, end exclusive.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int, str]
Place = tuple[int, int]
Item = tuple[str, int, int]  # label, start, end: as scores have it


@dataclass(frozen=True)
class GoldText:
    """A text with its spans (start, end in characters, label).

    labels: those that were annotated in this text; only they are asked for. Empty means all
    labels of the training. unknown: places (start, end) that nobody annotated: that no span is
    there does not say that there is none.
    """

    text: str
    spans: tuple[Span, ...]
    labels: tuple[str, ...] = ()
    unknown: tuple[Place, ...] = ()

    @property
    def annotated(self) -> bool:
        """Whether anything is known of its spans."""
        return bool(self.spans) or self.unknown != ((0, len(self.text)),)

    def judges(self, item: Item) -> bool:
        """Whether it is known if a prediction is right: its label was looked for, and all of
        its characters were annotated. Else it is neither right nor wrong."""
        label, start, end = item
        if self.labels and label not in self.labels:
            return False
        return not touches(start, end, self.unknown)

    def items(self, labels: Iterable[str] | None = None) -> set[Item]:
        """The spans that a prediction is held against; labels: those asked for, None for all."""
        asked = None if labels is None else set(labels)
        return {
            (label, start, end)
            for start, end, label in self.spans
            if (asked is None or label in asked) and (not self.labels or label in self.labels)
        }

    def judged(self, items: Iterable[Item]) -> set[Item]:
        """The predictions that it `judges`."""
        return {item for item in items if self.judges(item)}


def touches(start: int, end: int, places: Iterable[Place]) -> bool:
    """Whether a span shares a character with one of the places."""
    return any(start < last and first < end for first, last in places)
