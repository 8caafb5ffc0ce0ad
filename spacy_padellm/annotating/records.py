"""What is read and what is written: a text with its id, and what was found in it."""

from dataclasses import dataclass, field
from typing import Any

Entity = tuple[int, int, str, float | None]


@dataclass(frozen=True)
class Record:
    """A text to annotate. meta: whatever else its record has. error: why it cannot be read."""

    id: str
    text: str
    meta: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Annotated:
    """A record with its entities (start, end, label, probability); error: why there are none."""

    record: Record
    ents: tuple[Entity, ...] = ()
    error: str = ""
