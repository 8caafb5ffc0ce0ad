"""The two answers that autoregressive NER writes: a list of mentions, or the text with marks.

Source: PaDeLLM-NER (Lu et al., NeurIPS 2024), section 4: "AutoReg-structured" writes label–mention
pairs, "AutoReg-augmented" repeats the text with its mentions marked. An answer is a sequence of
pieces: plain text (written as a slice of the text, read as a string), or structure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ....spans.prediction import Mention
from ....spans.windows import number_anew

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Mark:
    """Structure in an answer: the beginning of a mention of `label`, or its end (None)."""

    label: str | None


Slice = tuple[int, int]


class AnswerFormat(Protocol):
    """Spans to pieces, and pieces back to mentions: as they were written, with a place where the
    answer tells it."""

    name: str

    def write(self, text: str, spans: Sequence[Span]) -> list[Mark | Slice]: ...

    def read(self, text: str, pieces: Sequence[Mark | str]) -> list[Mention]: ...


class Structured:
    """Label–mention pairs in the order of the text; they have no places."""

    name = "structured"

    def write(self, text: str, spans: Sequence[Span]) -> list[Mark | Slice]:
        pieces: list[Mark | Slice] = []
        for start, end, label in sorted(spans):
            pieces += [Mark(label), (start, end), Mark(None)]
        return pieces

    def read(self, text: str, pieces: Sequence[Mark | str]) -> list[Mention]:
        return _written(_strings(pieces))


class Augmented:
    """The text again, mentions between marks; nested mentions nest. Where the answer repeats the
    text word for word, marks give the places exactly; else mentions have none."""

    name = "augmented"

    def write(self, text: str, spans: Sequence[Span]) -> list[Mark | Slice]:
        # At one place inner mentions end first, and outer ones begin first.
        marks = [(start, 1, -end, Mark(label)) for start, end, label in spans]
        marks += [(end, 0, -start, Mark(None)) for start, end, _ in spans]
        pieces: list[Mark | Slice] = []
        at = 0
        for place, _, _, mark in sorted(marks, key=lambda mark: mark[:3]):
            if place > at:
                pieces.append((at, place))
                at = place
            pieces.append(mark)
        return [*pieces, (at, len(text))] if at < len(text) else pieces

    def read(self, text: str, pieces: Sequence[Mark | str]) -> list[Mention]:
        found: list[tuple[str, str, int]] = []
        opened: list[tuple[str, int]] = []
        said = ""
        for piece in pieces:
            if isinstance(piece, str):
                said += piece
            elif piece.label is not None:
                opened.append((piece.label, len(said)))
            elif opened:
                label, start = opened.pop()
                found.append((label, said[start:], start))
        if "".join(said.split()) != "".join(text.split()):
            return _written([(label, string.strip()) for label, string, _ in found])
        # The answer's characters other than white space are those of the text, in order.
        black = [i for i, char in enumerate(text) if not char.isspace()]
        mentions = []
        for label, string, start in sorted(found, key=lambda mention: mention[2]):
            length = len("".join(string.split()))
            first = len("".join(said[:start].split()))
            if length:
                begin, end = black[first], black[first + length - 1] + 1
                mentions.append(Mention(label, 1, string.strip(), begin, end, 1.0))
        return number_anew(mentions)


def get_answer_format(name: str) -> AnswerFormat:
    """Raises ValueError for a name that is none."""
    formats: dict[str, AnswerFormat] = {"structured": Structured(), "augmented": Augmented()}
    if name not in formats:
        raise ValueError(f"answer format {name!r}: choose one of {', '.join(formats)}")
    return formats[name]


def _strings(pieces: Sequence[Mark | str]) -> list[tuple[str, str]]:
    strings: list[tuple[str, str]] = []
    label: str | None = None
    said = ""
    for piece in [*pieces, Mark(None)]:  # an answer that was cut still ends its last mention
        if isinstance(piece, str):
            said += piece
            continue
        if label is not None and said.strip():
            strings.append((label, said.strip()))
        label, said = piece.label, ""
    return strings


def _written(strings: Sequence[tuple[str, str]]) -> list[Mention]:
    """Of strings with their labels; blank ones are no mentions."""
    return number_anew([Mention(name, 1, said, None, None, 1.0) for name, said in strings if said])
