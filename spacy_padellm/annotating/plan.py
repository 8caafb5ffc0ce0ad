"""Which records of which file a part holds; the same for the same input."""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .records import Record
from .sources import STDIN, count_records, read_records

PLAN = "annotate.json"


@dataclass(frozen=True)
class Part:
    """Records `first` to `first + size` of a file. number: of the part, from 0, over all files."""

    number: int
    file: str
    first: int
    size: int


@dataclass(frozen=True)
class Job:
    """What a run is of; a folder of parts belongs to one job."""

    files: tuple[str, ...]
    pipeline: str
    labels: str
    file_format: str
    part_size: int
    text_field: str = "text"

    def __post_init__(self) -> None:
        if self.part_size < 1:
            raise ValueError(f"the part size is {self.part_size}: it must be at least 1")
        if STDIN in self.files and len(self.files) > 1:
            raise ValueError("standard input (-) is read alone, without files beside it")

    def open(self, folder: Path) -> None:
        """Writes the job into a new folder, or finds it there; halves of parts that a killed run
        has left go. One run at a time may write to a folder.

        Raises ValueError for a folder that holds parts of another job, or anything else.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / PLAN
        if not path.exists():
            if any(folder.iterdir()):
                raise ValueError(f"{folder} is not empty, and none of this command's: name another")
            path.write_text(json.dumps(self._to_dict(), indent=1) + "\n", encoding="utf8")
            return
        for half in folder.glob(".part-*"):
            half.unlink()
        known = json.loads(path.read_text(encoding="utf8"))
        if changed := sorted(k for k, v in self._to_dict().items() if known.get(k) != v):
            raise ValueError(
                f"{folder} was begun with other settings ({', '.join(changed)}): give the same "
                f"command, or another folder"
            )

    def parts(self) -> Iterator[Part]:
        """All parts in order; files are counted when they are reached. Those of standard input
        have no end: it is there where `PartReader` reads less than a part."""
        numbers = itertools.count()
        for file in self.files:
            total = math.inf if file == STDIN else count_records(file)
            for first in itertools.count(0, self.part_size):
                if first >= total:
                    break
                size = int(min(self.part_size, total - first))
                yield Part(next(numbers), file, first, size)

    def _to_dict(self) -> dict[str, Any]:
        sizes = [0 if file == STDIN else Path(file).stat().st_size for file in self.files]
        return {**asdict(self), "files": list(self.files), "bytes": sizes}


class PartReader:
    """Reads parts one after the other, each file once from its beginning to its end."""

    def __init__(self, text_field: str = "text") -> None:
        self._text_field = text_field
        self._file: str | None = None
        self._next = 0
        self._records: Iterator[Record] = iter(())

    def read(self, part: Part) -> Sequence[Record]:
        """The records of a part; fewer where standard input has ended."""
        if part.file != self._file or part.first < self._next:
            self._records = read_records(part.file, part.first, self._text_field)
        else:
            skipped = part.first - self._next
            next(itertools.islice(self._records, skipped, skipped), None)
        self._file, self._next = part.file, part.first + part.size
        return list(itertools.islice(self._records, part.size))
