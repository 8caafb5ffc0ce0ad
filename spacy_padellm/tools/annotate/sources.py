"""Records of files in turn: plain text, JSON lines, .spacy, Parquet; or of standard input."""

import contextlib
import glob
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ...extras import need
from ...formats.docbin import read_docs
from ...formats.files import STDIN, bare_suffix, plain_name, read_lines
from .records import Record, of_doc, of_fields, of_line, of_text

OF_LINES = (".txt", ".jsonl", ".ndjson", ".jsonlines")
SUFFIXES = (*OF_LINES, ".spacy", ".parquet")
_ROWS = 1000  # of a Parquet file in memory at a time


class UnreadableError(ValueError):
    """A file, not a record, cannot be read: it is damaged, or gone. The message names it."""


def find_files(patterns: Iterable[str], output: Path | None = None) -> list[str]:
    """Files of names, folders and glob patterns, sorted within each; "-" is standard input.

    output: a folder within one of them whose files are no input.

    Raises ValueError for what is no file, or none that can be read, and for a file named twice.
    """
    files: list[str] = []
    for pattern in patterns:
        if pattern == STDIN:
            files.append(STDIN)
            continue
        if Path(pattern).is_dir():
            inside = [p for p in sorted(Path(pattern).rglob("*")) if _kind(p) in SUFFIXES]
            own = None if output is None else output.resolve()
            names = [str(p) for p in inside if own not in p.resolve().parents]
        else:
            names = sorted(glob.glob(pattern, recursive=True)) or [pattern]
        for name in names:
            if not Path(name).is_file():
                raise ValueError(f"there is no file {name}")
            if _kind(Path(name)) not in SUFFIXES:
                raise ValueError(
                    f"{name} is none of {', '.join(SUFFIXES)} (with .gz or .xz behind the first "
                    f"{len(OF_LINES)})"
                )
            if _kind(Path(name)) == ".parquet":
                need("parquet", name)
        if not names:
            raise ValueError(f"the folder {pattern} has no {', '.join(SUFFIXES)} file")
        files += names
    if not files:
        raise ValueError("there is no input: name files, folders, patterns, or -")
    if twice := sorted({name for name in files if files.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is named twice")
    return files


def count_records(file: str) -> int:
    """How many records `read_records` gives, without reading more than it must. Raises
    UnreadableError for a damaged file."""
    path = Path(file)
    kind = _kind(path)
    with _named(file):
        if kind == ".parquet":
            return int(_parquet(path).metadata.num_rows)
        if kind == ".spacy":
            return len(DocBin().from_disk(path))
        if path.suffix == ".gz" and not path.stat().st_size:
            raise EOFError("it is empty, which no gzip file is")
        return sum(1 for _, line in read_lines(path, keep_broken=True) if line.strip())


def read_records(file: str, skip: int = 0, text_field: str = "text") -> Iterator[Record]:
    """The records of a file from number `skip` on; blank lines are no records.

    The id is the record's field "id", or else file and number. A record that cannot be read has an
    error instead of a text, so that none is lost. Of .spacy, texts and user data are read; they
    are cut into tokens anew.

    Raises UnreadableError where the file is damaged, behind the records before that place.
    """
    path = Path(file)
    kind = _kind(path) if file != STDIN else STDIN
    found: Iterator[Any]
    if kind == ".parquet":
        found = _parquet_rows(path, skip)
    elif kind == ".spacy":
        found = itertools.islice(_docs(path), skip, None)
    else:
        lines = (line for _, line in read_lines(file, keep_broken=True) if line.strip())
        found = itertools.islice(lines, skip, None)
    for number in itertools.count(skip):
        with _named(file):  # what our own code raises is no damage of the file
            one = next(found, None)
        if one is None:
            return
        place = _name(file, number)
        if kind == ".parquet":
            yield _of_row(place, one, text_field)
        elif kind == ".spacy":
            yield of_doc(place, one)
        elif kind == ".txt" or (kind == STDIN and not one.lstrip().startswith("{")):
            yield of_text(place, one)
        else:
            yield of_line(place, one, text_field)


def _docs(path: Path) -> Iterator[Doc]:
    yield from read_docs(path, Vocab())  # opened when the first is asked for


@contextlib.contextmanager
def _named(file: str) -> Iterator[None]:
    """Libraries raise what they like, and seldom say of which file."""
    try:
        yield
    except Exception as error:
        said = str(error) or type(error).__name__
        place = "standard input" if file == STDIN else os.path.relpath(file)
        named = file in said or place in said
        raise UnreadableError(said if named else f"{place} cannot be read: {said}") from error


def _kind(path: Path) -> str:
    suffix = bare_suffix(path)
    whole = plain_name(path) == path.name
    return suffix if whole or suffix in OF_LINES else path.suffix.lower()


def _name(file: str, number: int) -> str:
    return f"{'stdin' if file == STDIN else os.path.relpath(file)}:{number + 1}"


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as parquet

    return parquet.ParquetFile(path)


def _parquet_rows(path: Path, skip: int) -> Iterator[Any]:
    """From row `skip` on, as dicts, or as batches of one."""
    file = _parquet(path)
    for group in range(file.num_row_groups):  # each alone: what is damaged costs no other
        rows = file.metadata.row_group(group).num_rows
        if rows <= skip:  # unread
            skip -= rows
            continue
        for batch in file.iter_batches(_ROWS, row_groups=[group]):
            passed = min(skip, batch.num_rows)
            skip -= passed
            batch = batch.slice(passed)
            try:
                found = batch.to_pylist()
            except Exception:  # some value has no counterpart in Python: row by row
                found = [batch.slice(i, 1) for i in range(batch.num_rows)]
            yield from found


def _of_row(place: str, row: Any, text_field: str) -> Record:
    """row: values by the names of their columns, or a batch of one of which not all can be had."""
    if isinstance(row, dict):
        return of_fields(place, row, text_field)
    fields, wrong = {}, []
    for name in row.schema.names:
        try:
            fields[name] = row.column(name)[0].as_py()
        except Exception as error:
            wrong.append(f"the field {name!r} cannot be read ({error})")
    record = of_fields(place, fields, text_field)
    return Record(record.id, record.text, record.meta, "; ".join(wrong)) if wrong else record
