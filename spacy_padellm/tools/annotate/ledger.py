"""Which parts of an output folder are of which file of the input.

A file is entered when it is reached, with its size and time, so that one that was damaged then,
and is mended now, has no part in what is there. The numbers of its parts stay as they were given.
"""

import itertools
import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ...atomic import append_whole, write_whole
from .sinks import part_path
from .sources import STDIN, UnreadableError, count_records

logger = logging.getLogger(__name__)
LEDGER = "annotate.files"


@dataclass(frozen=True)
class Part:
    """Records `first` to `first + size` of a file. number: of the part, from 0, over all files."""

    number: int
    file: str
    first: int
    size: int


@dataclass(frozen=True)
class Entry:
    """A file whose records were counted. mark: what changes when it is written anew. first: the
    number of its first part. records: None of standard input, whose end is not known."""

    file: str
    mark: list[int] | None
    first: int
    records: int | None

    def to_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class Ledger:
    """The input of a folder's parts, a line a file in its file `annotate.files`."""

    def __init__(
        self, folder: Path, files: Sequence[str], file_format: str, part_size: int
    ) -> None:
        self.folder = folder
        self.path = folder / LEDGER
        self.files = files
        self.file_format = file_format
        self.part_size = part_size
        self.entries: dict[str, Entry] = {}

    def open(self) -> None:
        """Takes over what was entered before, but for files that have no part in the folder.

        Raises ValueError for a file that has parts, and is not what it was, or not asked for, and
        where what was entered cannot be read.
        """
        for entry in self._read():
            there = [part for part in self._parts(entry) if self.is_written(part)]
            if not there:
                continue
            asked = entry.file in self.files
            if asked and entry.mark == _mark(entry.file):
                self.entries[entry.file] = entry
                continue
            names = [self.path_of(part).name for part in there]
            which = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
            what = "has changed" if asked else "is not named this time"
            raise ValueError(
                f"{self.folder} was begun with other settings (input): {entry.file} {what}, and "
                f"{which} hold its texts. Remove those parts, or name another folder"
            )
        write_whole(self.path, "".join(entry.to_line() for entry in self.entries.values()))

    def parts(self, file: str) -> Iterator[Part]:
        """The parts of a file, which is counted and entered where it is new. Those of standard
        input have no end: it is there where `PartReader` reads less than a part.

        Raises UnreadableError for a damaged file, OSError where nothing can be entered.
        """
        entry = self.entries.get(file)
        if entry is None:
            mark = _mark(file)  # before it is read: whoever changes it later is noticed
            records = None if file == STDIN else count_records(file)
            entry = Entry(file, mark, self._end(), records)
            append_whole(self.path, entry.to_line().encode("utf8"))
            self.entries[file] = entry
            if records == 0:
                logger.warning("%s holds no texts", file)
        return self._parts(entry)

    def path_of(self, part: Part) -> Path:
        """Where a part is written."""
        return part_path(self.folder, part.number, self.file_format)

    def is_written(self, part: Part) -> bool:
        """Whether a part is there."""
        return self.path_of(part).exists()

    def _read(self) -> list[Entry]:
        if not self.path.exists():
            lines = []
        else:
            lines = self.path.read_bytes().decode("utf8", "replace").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a run was killed as it entered a file
            del lines[-1]
        try:
            entries = [Entry(**json.loads(line)) for line in lines]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.path} is damaged ({error}): name another folder") from None
        if any(self.folder.glob("part-*")):
            if any(entry.file == STDIN for entry in entries):
                raise ValueError(
                    f"{self.folder} was begun from standard input, which cannot be read again: "
                    f"name another folder, or save the input as a file"
                )
            if not entries:
                raise ValueError(
                    f"{self.path} is missing, which says of what input the parts are: name "
                    f"another folder"
                )
        return [entry for entry in entries if entry.file != STDIN]

    def _parts(self, entry: Entry) -> Iterator[Part]:
        for number in itertools.count():
            first = number * self.part_size
            size = self.part_size if entry.records is None else entry.records - first
            if size <= 0:
                return
            yield Part(entry.first + number, entry.file, first, min(size, self.part_size))

    def _end(self) -> int:
        """The first number that is free."""
        ends = (e.first + math.ceil((e.records or 0) / self.part_size)
                for e in self.entries.values())  # fmt: skip
        return max(ends, default=0)


def mark(path: Path) -> list[int]:
    """What changes when a file is written anew. Raises UnreadableError where it is not there."""
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    return [found.st_size, found.st_mtime_ns]


def _mark(file: str) -> list[int] | None:
    return None if file == STDIN else mark(Path(file))
