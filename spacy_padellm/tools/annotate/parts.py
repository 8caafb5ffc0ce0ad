"""Parts of files, and how one after the other is read."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .records import Record
from .sources import STDIN, UnreadableError, read_records


@dataclass(frozen=True)
class Part:
    """Records `first` to `first + size` of a file. number: of the part, from 0, over all files."""

    number: int
    file: str
    first: int
    size: int


class PartReader:
    """Reads parts one after the other, each file once from its beginning to its end."""

    def __init__(self, text_field: str = "text") -> None:
        self._text_field = text_field
        self._file: str | None = None
        self._next = 0
        self._records: Iterator[Record] = iter(())

    def read(self, part: Part) -> Sequence[Record]:
        """The records of a part; fewer where standard input has ended. Raises UnreadableError for a
        file that is damaged, or has less than when it was counted."""
        if part.file != self._file or part.first < self._next:
            self._records = read_records(part.file, part.first, self._text_field)
        else:
            skipped = part.first - self._next
            next(itertools.islice(self._records, skipped, skipped), None)
        self._file = None  # until it has gone well
        records = list(itertools.islice(self._records, part.size))
        if len(records) < part.size and part.file != STDIN:
            raise UnreadableError(f"{part.file} has become shorter since its records were counted")
        self._file, self._next = part.file, part.first + part.size
        return records
