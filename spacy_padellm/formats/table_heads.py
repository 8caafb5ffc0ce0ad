"""The head line of a table (CSV, TSV): which shape it shows, and what it calls the columns.

Knows nothing of spaCy.
"""

from collections.abc import Iterable
from pathlib import Path

from .table_rows import read_head

# What a column may be called, in lower case without what is no letter.
NAMES = {
    "text": ("text", "sentencetext", "content", "document", "sentence"),
    "start": ("start", "startoffset", "begin", "startchar", "from"),
    "end": ("end", "endoffset", "endchar", "stop", "to"),
    "label": ("label", "type", "entitytype", "enttype", "tagname", "class"),
    "mention": ("mention", "entity", "span", "string", "entitytext", "value"),
    "entities": ("entities", "ents", "spans", "annotations", "labels"),
    "sentence": ("sentence", "sentenceid", "sentenceno", "sentid", "sent", "id"),
    "token": ("token", "word", "words", "tokens"),
    "id": ("id", "textid", "docid", "documentid", "sentenceid", "exampleid", "uid", "uuid"),
    "tag": ("tag", "tags", "nertag", "ner", "nertags", "iob", "bio"),
}
SHAPES = (
    ("token", "tag"),
    ("text", "entities"),
    ("text", "start", "end", "label"),
    ("text", "mention", "label"),
)


class Head:
    """names: of the columns of the first shape that the head line has, by what they hold; None
    where it has none."""

    def __init__(self, line: Iterable[str]) -> None:
        self._columns = {_plain(name): name for name in line}
        self.names = next(filter(None, map(self._of_shape, SHAPES)), None)

    def find(self, part: str) -> str | None:
        """What the column that holds `part` is called."""
        return next((self._columns[name] for name in NAMES[part] if name in self._columns), None)

    @property
    def id_name(self) -> str | None:
        """The column of ids, where it is not one of the shape."""
        name = self.find("id")
        return None if name in (self.names or {}).values() else name

    def _of_shape(self, shape: Iterable[str]) -> dict[str, str] | None:
        found = {part: self.find(part) for part in shape}
        return {part: name for part, name in found.items() if name} if all(found.values()) else None


def is_table(path: Path) -> bool:
    """Whether a file begins with a head line of one of the shapes, so that it is no file of
    columns. Raises FormatError for what is no text."""
    head = Head(read_head(path))
    names = head.names or {}
    return bool(names) and ("token" not in names or head.find("sentence") is not None)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())
