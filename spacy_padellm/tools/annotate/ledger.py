"""Which parts of an output folder are of which file of the input.

A file is entered when it is reached, with its size and time, so that one that was damaged then,
and is mended now, has no part in what is there. The numbers of its parts stay as they were given.
One whose damage shows later has parts: those that hold what the mended file has stay.
"""

import contextlib
import itertools
import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ...atomic import append_whole, write_whole
from ...formats.json_text import read_json
from .parts import Part, PartReader
from .sinks import part_path
from .sources import STDIN, UnreadableError, count_records, read_records

logger = logging.getLogger(__name__)
LEDGER = "annotate.files"


@dataclass(frozen=True)
class Entry:
    """A file whose records were counted. mark: what changes when it is written anew. first: the
    number of its first part. records: None of standard input, whose end is not known. unread: it
    could not be read to its end, and may be mended."""

    file: str
    mark: list[int] | None
    first: int
    records: int | None
    unread: bool = False

    @classmethod
    def of_line(cls, line: str) -> "Entry":
        """Raises ValueError for a line that is none."""
        match read_json(line):
            case {
                "file": str(file),
                "mark": None | [int(), int()] as mark,
                "first": int(first),
                "records": None | int() as records,
                **others,
            } if first >= 0 and (records or 0) >= 0:
                return cls(file, mark, first, records, others.get("unread") is True)
        raise ValueError(f"no file and its records: {line.strip()[:60]!r}")

    def to_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


@dataclass(eq=False)
class Ledger:
    """The input of a folder's parts, a line a file in its file `annotate.files`."""

    folder: Path
    files: Sequence[str]
    file_format: str
    part_size: int
    text_field: str
    entries: dict[str, Entry] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / LEDGER

    def open(self) -> None:
        """Takes over what was entered before, but for files that have no part in the folder.

        Of a file that could not be read to its end, and was mended since, those parts stay that
        hold what it has now; the others are put aside. Where it was removed, all stay.

        Raises ValueError for a file that has parts, and is not what it was, or not asked for, and
        where what was entered cannot be read.
        """
        for entry in self._read():
            there = [part for part in self._parts(entry) if self.is_written(part)]
            if not there:
                continue
            asked = entry.file in self.files
            if (entry.unread and not asked) or (asked and entry.mark == _mark(entry.file)):
                self.entries[entry.file] = entry
                continue
            if entry.unread:
                if mended := self._mended(entry, there):
                    self.entries[entry.file] = mended
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
        input have no end: it is there where `PartReader` reads less than a part. Raises
        UnreadableError for a damaged file, OSError where nothing can be entered."""
        entry = self.entries.get(file)
        if entry is None:
            mark = _mark(file)  # before it is read: whoever changes it later is noticed
            records = None if file == STDIN else count_records(file)
            entry = Entry(file, mark, self._end(), records)
            self._enter(entry)
            if records == 0:
                logger.warning("%s holds no texts", file)
        return self._parts(entry)

    def note(self, file: str, unread: bool) -> None:
        """Whether a file could not be read to its end. Raises OSError where it cannot be noted."""
        entry = self.entries.get(file)
        if entry is not None and entry.unread != unread:
            self._enter(replace(entry, unread=unread))

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
            entries = {entry.file: entry for entry in map(Entry.of_line, lines)}  # the last holds
        except ValueError as error:
            raise ValueError(f"{self.path} is damaged ({error}): name another folder") from None
        if any(self.folder.glob("part-*")):
            if STDIN in entries:
                raise ValueError(
                    f"{self.folder} was begun from standard input, which cannot be read again: "
                    f"name another folder, or save the input as a file"
                )
            if not entries:
                raise ValueError(
                    f"{self.path} is missing, which says of what input the parts are: name "
                    f"another folder"
                )
        return [entry for entry in entries.values() if entry.file != STDIN]

    def _enter(self, entry: Entry) -> None:
        append_whole(self.path, entry.to_line().encode("utf8"))
        self.entries[entry.file] = entry

    def _mended(self, entry: Entry, there: Sequence[Part]) -> Entry | None:
        """The entry of a file as it is now, which keeps its numbers; None where there is nothing
        to keep. Parts that do not hold what the file has in their place now are put aside."""
        found, wanted = None, {}
        with contextlib.suppress(UnreadableError):
            records = count_records(entry.file)
            found = replace(entry, mark=_mark(entry.file), records=records, unread=False)
            wanted = {part.number: part for part in self._parts(found)}
        fits = len(wanted) <= sum(1 for _ in self._parts(entry))
        reader = PartReader(self.text_field)
        others = [
            part for part in there
            if not (fits and part.number in wanted and self._holds(wanted[part.number], reader))
        ]  # fmt: skip
        for part in others:
            path = self.path_of(part)
            aside = path.with_name(f"damaged-{path.name}.old")
            path.replace(aside)
            logger.warning("%s was made of %s as it was before: it is put aside as %s",
                           path.name, entry.file, aside)  # fmt: skip
        return found if len(others) < len(there) else None

    def _holds(self, part: Part, reader: PartReader) -> bool:
        """Whether a part that is there has the ids and texts of the file."""
        try:
            now = reader.read(part)
            held = list(read_records(str(self.path_of(part))))
        except UnreadableError:
            return False
        # A .spacy file has a blank for a text that is empty.
        return [(one.id, one.text or " ") for one in now] == [
            (one.id, one.text or " ") for one in held
        ]

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
