"""Which records of which file a part holds; the same for the same input."""

import itertools
import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacy import util

from ..model_place import IN_THE_BOX
from .records import Record
from .sources import STDIN, count_records, read_records

PLAN = "annotate.json"
logger = logging.getLogger(__name__)


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

    @classmethod
    def of(cls, files: Sequence[str], pipeline: str, *settings: Any) -> "Job":
        """With absolute paths, which mean the same on every machine that sees them."""
        found = str(Path(pipeline).resolve()) if Path(pipeline).exists() else pipeline
        whole = tuple(file if file == STDIN else str(Path(file).resolve()) for file in files)
        return cls(whole, found, *settings)

    def __post_init__(self) -> None:
        if self.part_size < 1:
            raise ValueError(f"the part size is {self.part_size}: it must be at least 1")
        if STDIN in self.files and len(self.files) > 1:
            raise ValueError("standard input (-) is read alone, without files beside it")

    def open(self, folder: Path) -> None:
        """Writes the job into a new folder, or finds it there; halves of parts that a killed run
        has left go. One run at a time may write to a folder.

        Raises ValueError for a folder that holds parts of another job (other settings, input or
        model) or anything else, and for standard input, which cannot be read again.
        """
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file: name a folder for the output")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / PLAN
        if not path.exists():
            if any(folder.iterdir()):
                raise ValueError(f"{folder} is not empty, and none of this command's: name another")
            fresh = path.with_suffix(".tmp")
            fresh.write_text(json.dumps(self._to_dict(), indent=1) + "\n", encoding="utf8")
            os.replace(fresh, path)
            return
        if STDIN in self.files:
            raise ValueError(
                f"{folder} was begun from standard input, which cannot be read again: name another "
                f"folder, or save the input as a file"
            )
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
            if not total:
                logger.warning("%s holds no texts", file)
            for first in itertools.count(0, self.part_size):
                if first >= total:
                    break
                size = int(min(self.part_size, total - first))
                yield Part(next(numbers), file, first, size)

    def _to_dict(self) -> dict[str, Any]:
        marks = [None if file == STDIN else _mark(Path(file)) for file in self.files]
        return {
            **asdict(self),
            "files": list(self.files),
            "input": marks,
            "model": _mark_model(self.pipeline),
        }


def _mark(path: Path) -> list[int]:
    """What changes when a file is written anew."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _mark_model(pipeline: str) -> list[list[int]] | str | None:
    """What changes with the model: its files, or the snapshot of a Hub id; None if unknown."""
    if util.is_package(pipeline):
        folder: Path | None = util.get_package_path(pipeline)
    else:
        folder = IN_THE_BOX.get(pipeline, Path(pipeline))
    if folder is not None and folder.is_dir():
        return [_mark(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    repo, _, revision = pipeline.partition("@")
    try:
        cached = try_to_load_from_cache(repo, "config.json", revision=revision or None)
    except HFValidationError:
        return None
    return Path(cached).parent.name if isinstance(cached, str) else None


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
