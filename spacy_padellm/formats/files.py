"""Lines and JSON records of files, plain or gzip, with their line numbers. UTF-8 only."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TextIO, cast

from .annotated import FormatError
from .json_text import read_json, write_json


def read_lines(path: Path, keep_broken: bool = False) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end). A byte order mark is left out.

    keep_broken: lines that are not UTF-8 are given with lone surrogates for what cannot be read.

    Raises FormatError if a line is not UTF-8 or, named .gz, the file no gzip.
    """
    number = 0
    try:
        with _open(path, "r", errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                if not (keep_broken or line.isascii() or is_unicode(line)):
                    raise FormatError(path, number, "not UTF-8", "Save the file as UTF-8")
                yield number, line.rstrip("\n")
    except (gzip.BadGzipFile, EOFError) as error:
        what = "a broken gzip file" if number else "not a gzip file"
        raise FormatError(path, 0, what, "Compress it again or drop .gz from its name") from error


def is_unicode(text: str) -> bool:
    """Whether it has no lone surrogates."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def read_text(path: Path) -> str:
    """All of a file, its line ends as they are. Raises FormatError as `read_lines`."""
    try:
        with _open(path, "r", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise FormatError(path, 1, "not UTF-8", "Save the file as UTF-8") from error
    except (gzip.BadGzipFile, EOFError) as error:
        mend = "Compress it again or drop .gz from its name"
        raise FormatError(path, 0, "not a gzip file, or a broken one", mend) from error


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """One line each, ended by "\\n"; compressed if the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path, "w") as file:
        file.writelines(line + "\n" for line in lines)


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value) of JSON lines; blank lines are left out.

    A file that is one JSON array of objects gives those, with their index from 1 as the number.
    Raises FormatError for a line that is not JSON.
    """
    first = True
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            record = read_json(line)
        except ValueError as error:
            if first and line.lstrip().startswith("["):
                yield from enumerate(_read_array(path, number, error), 1)
                return
            raise _not_json(path, number, error) from error
        if first and isinstance(record, list) and all(isinstance(item, dict) for item in record):
            yield from enumerate(record, 1)
        else:
            yield number, record
        first = False


def write_records(path: Path, records: Iterable[Any]) -> None:
    """JSON lines, characters as they are; NaN and infinities, which JSON lacks, become null."""
    write_lines(path, map(write_json, records))


def _read_array(path: Path, number: int, error: ValueError) -> list[Any]:
    try:
        array = read_json("\n".join(line for _, line in read_lines(path)))
    except ValueError:
        raise _not_json(path, number, error) from error
    return cast(list[Any], array)


def _not_json(path: Path, number: int, error: ValueError) -> FormatError:
    return FormatError(path, number, str(error), "Mend or remove this line")


def _open(
    path: Path, mode: Literal["r", "w"], newline: str | None = None, errors: str = "strict"
) -> TextIO:
    encoding = "utf-8-sig" if mode == "r" else "utf-8"
    newline = newline if mode == "r" else "\n"
    if path.suffix == ".gz":
        return cast(
            TextIO, gzip.open(path, f"{mode}t", encoding=encoding, errors=errors, newline=newline)
        )
    return path.open(mode, encoding=encoding, errors=errors, newline=newline)
