"""Spans by the tokens of their text, for formats that count tokens."""

from bisect import bisect_left, bisect_right

from ..cached import cached_property
from .annotated_text import AnnotatedText, FormatError
from .gold_text import Place


class TokenSpans:
    """The tokens of a text that are no white space, and where spans are among them.

    blanks: characters of which a token counts as white space; None for all that Unicode knows.
    Raises FormatError for a text that is not tokenised.
    """

    def __init__(self, text: AnnotatedText, blanks: str | None = None) -> None:
        if text.tokens is None:
            what = f"the text {text.text[:40]!r} has no tokens"
            mend = "Tokenise it, for example by way of .spacy"
            raise FormatError(text.file, text.line, what, mend)
        self.text = text.text
        self.places: list[Place] = [
            (start, end) for start, end in text.tokens if text.text[start:end].strip(blanks)
        ]

    @cached_property
    def strings(self) -> list[str]:
        return [self.text[start:end] for start, end in self.places]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.places]

    @cached_property
    def _ends(self) -> list[int]:
        return [end for _, end in self.places]

    def touched(self, start: int, end: int) -> range:
        """The tokens that share a character with a place."""
        return range(bisect_right(self._ends, start), bisect_left(self._starts, end))

    def on(self, start: int, end: int) -> range | None:
        """The tokens of a place; None where it does not begin and end as tokens do."""
        inside = self.touched(start, end)
        if not inside:
            return None
        at = self.places[inside[0]][0], self.places[inside[-1]][1]
        return inside if at == (start, end) else None
