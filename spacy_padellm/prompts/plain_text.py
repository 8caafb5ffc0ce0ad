"""Text to token ids, read as nothing but text: a special token's name in it is only letters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..cached import cached_property

HALF_PAIR = re.compile("[\ud800-\udfff]")
_NO_PLAIN_BLANK = re.compile(r"[^\S ]|\s\s")  # white space that a single blank stands for


@dataclass(frozen=True)
class EncodedText:
    """A text as the language model reads it.

    ids: token ids of the text alone, no prompt and no special token.
    offsets: one (start, end) a token, in characters of `text`, without surrounding white space.
    """

    text: str
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def boundaries(self) -> tuple[list[bool], list[bool]]:
        """At which tokens a mention may start, and at which it may end, [tokens] each.

        Not where that would part the bytes of one character: a byte-level token may hold parts
        of two characters, and its offsets then overlap those of its neighbours.
        """
        starts, ends = [], []
        reached = 0  # the farthest end of the tokens before
        for start, end in self.offsets:
            starts.append(start < end and start >= reached)
            reached = max(reached, end)
        next_start = len(self.text)  # the nearest start of the tokens behind
        for start, end in reversed(self.offsets):
            ends.append(start < end <= next_start)
            next_start = min(next_start, start)
        return starts, ends[::-1]

    def token_places(self) -> tuple[dict[int, int], dict[int, int]]:
        """Character at which a mention may start → its token; at which it may end → the token
        behind it."""
        may_start, may_end = self.boundaries()
        starts = {self.offsets[i][0]: i for i, may in enumerate(may_start) if may}
        ends = {self.offsets[i][1]: i + 1 for i, may in enumerate(may_end) if may}
        return starts, ends


class PlainTextEncoder:
    """tokenizer: a fast Hugging Face tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids of a text and where each stands in it (characters, blanks around it left out)."""
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        begin = 0
        text = HALF_PAIR.sub("\ufffd", text)  # no tokenizer takes them
        for piece in _split_inside(text, self._added_plain_tokens):
            encoding = self.tokenizer(
                piece,
                add_special_tokens=False,
                split_special_tokens=True,
                return_offsets_mapping=True,
                verbose=False,
            )
            ids += encoding["input_ids"]
            offsets += [
                without_space(text, begin + start, begin + end)
                for start, end in encoding["offset_mapping"]
            ]
            begin += len(piece)
        return ids, offsets

    def read(self, text: str, blanks: bool = False) -> EncodedText:
        """blanks: any white space is read as one blank."""
        if not blanks or not _NO_PLAIN_BLANK.search(text):
            ids, offsets = self.encode(text)
            return EncodedText(text, tuple(ids), tuple(offsets))
        read, places = _read_as_blanks(text)
        ids, offsets = self.encode(read)
        inside = tuple(
            (places[start], places[end - 1] + 1 if end > start else places[start])
            for start, end in offsets
        )
        return EncodedText(text, tuple(ids), inside)

    @cached_property
    def _added_plain_tokens(self) -> list[str]:
        """Added tokens that are not marked special: the tokenizer would match them in a text."""
        added = self.tokenizer.added_tokens_decoder.values()
        return [token.content for token in added if not token.special and len(token.content) > 1]


def _split_inside(text: str, markers: Sequence[str]) -> list[str]:
    """Cuts `text` after the first character of every marker in it, so that none is whole."""
    pieces = [text]
    for marker in markers:
        if marker in text:
            pieces = [
                part if last else part + marker[0]
                for piece in pieces
                for part, last in _parts(piece, marker)
            ]
    return [piece for piece in pieces if piece]


def _parts(piece: str, marker: str) -> list[tuple[str, bool]]:
    parts = piece.split(marker)
    rest = [parts[0]] + [marker[1:] + part for part in parts[1:]]
    return [(part, i == len(rest) - 1) for i, part in enumerate(rest)]


def without_space(text: str, start: int, end: int) -> tuple[int, int]:
    """start:end of a text, less the white space at both its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _read_as_blanks(text: str) -> tuple[str, list[int]]:
    """The text with one blank for each run of white space, and where its characters are in the
    text, with the end of the text last."""
    kept = [
        i for i, char in enumerate(text) if not (char.isspace() and i and text[i - 1].isspace())
    ]
    read = "".join(" " if text[i].isspace() else text[i] for i in kept)
    return read, [*kept, len(text)]
