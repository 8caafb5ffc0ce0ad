"""Records of files in turn: plain text, JSON lines, .spacy, Parquet; or of standard input."""

import glob
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ..formats.docbin import META, read_docs
from ..formats.files import STDIN, bare_suffix, plain_name, read_lines
from .records import Record

OF_LINES = (".txt", ".jsonl", ".ndjson", ".jsonlines")
SUFFIXES = (*OF_LINES, ".spacy", ".parquet")
_ROWS = 1000  # of a Parquet file in memory at a time


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
        if not names:
            raise ValueError(f"the folder {pattern} has no {', '.join(SUFFIXES)} file")
        files += names
    if not files:
        raise ValueError("there is no input: name files, folders, patterns, or -")
    if twice := sorted({name for name in files if files.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is named twice")
    return files


def count_records(file: str) -> int:
    """How many records `read_records` gives, without reading more than it must."""
    path = Path(file)
    kind = _kind(path)
    if kind == ".parquet":
        return int(_parquet(path).metadata.num_rows)
    if kind == ".spacy":
        return len(DocBin().from_disk(path))
    return sum(1 for _, line in read_lines(path, keep_broken=True) if line.strip())


def read_records(file: str, skip: int = 0, text_field: str = "text") -> Iterator[Record]:
    """The records of a file from number `skip` on; blank lines are no records.

    The id is the record's field "id", or else file and number. A record that cannot be read has an
    error instead of a text, so that none is lost. Of .spacy, texts and user data are read; they
    are cut into tokens anew.
    """
    path = Path(file)
    kind = _kind(path) if file != STDIN else STDIN
    if kind == ".parquet":
        rows = _parquet_rows(path, skip)
        yield from (_from_dict(row, file, n, text_field) for n, row in rows)
    elif kind == ".spacy":
        yield from _docs(path, skip)
    else:
        every = (line for _, line in read_lines(file, keep_broken=True))
        lines = enumerate(line for line in every if line.strip())
        for number, line in itertools.islice(lines, skip, None):
            if kind == ".txt" or (kind == STDIN and not line.lstrip().startswith("{")):
                yield _record(_name(file, number), line, {})
            else:
                yield _from_json(line, file, number, text_field)


def _kind(path: Path) -> str:
    suffix = bare_suffix(path)
    whole = plain_name(path) == path.name
    return suffix if whole or suffix in OF_LINES else path.suffix.lower()


def _name(file: str, number: int) -> str:
    return f"{'stdin' if file == STDIN else os.path.relpath(file)}:{number + 1}"


def _record(name: str, text: Any, meta: dict[str, Any], text_field: str = "text") -> Record:
    if not isinstance(text, str):
        others = f": the record has {', '.join(map(repr, meta))}" if meta else ""
        return Record(name, "", meta, f"no text in the field {text_field!r}{others}")
    try:
        text.encode("utf8")
    except UnicodeEncodeError as error:
        whole = text.encode("utf8", "backslashreplace").decode("utf8")
        return Record(name, whole, meta, f"no Unicode text: {error}")
    return Record(name, text, meta)


def _from_json(line: str, file: str, number: int, text_field: str) -> Record:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return Record(_name(file, number), "", {"line": line}, f"not JSON: {error}")
    if not isinstance(record, dict):
        return Record(_name(file, number), "", {"line": line}, "no JSON object")
    return _from_dict(record, file, number, text_field)


def _from_dict(record: dict[str, Any], file: str, number: int, text_field: str) -> Record:
    meta = dict(record)
    name = meta.pop("id", None)
    text = meta.pop(text_field, None)
    name = _name(file, number) if name is None else str(name)
    return _record(name, text, meta, text_field)


def _docs(path: Path, skip: int) -> Iterator[Record]:
    docs = read_docs(path, Vocab())
    for number, doc in itertools.islice(enumerate(docs), skip, None):
        name, meta = doc.user_data.get("id"), doc.user_data.get(META) or {}
        name = _name(str(path), number) if name is None else str(name)
        yield _record(name, doc.text, dict(meta))


def _parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ValueError(f"to read {path}: pip install pyarrow") from None
    return parquet.ParquetFile(path)


def _parquet_rows(path: Path, skip: int) -> Iterator[tuple[int, dict[str, Any]]]:
    file = _parquet(path)
    groups: list[int] = []
    number = 0
    for group in range(file.num_row_groups):  # whole groups are skipped unread
        rows = file.metadata.row_group(group).num_rows
        if number + rows <= skip and not groups:
            number += rows
        else:
            groups.append(group)
    if not groups:
        return
    for batch in file.iter_batches(_ROWS, row_groups=groups):
        for row in batch.to_pylist():
            if number >= skip:
                yield number, row
            number += 1
