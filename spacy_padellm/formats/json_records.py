"""JSON records of files, with their line numbers."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from .annotated import FormatError
from .files import BOM, read_lines, write_lines
from .json_text import read_json, write_json


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value) of JSON lines; blank lines are left out.

    A file that is one JSON array of objects gives those, with their index from 1 as the number.
    Raises FormatError for a line that is not JSON.
    """
    first = True
    lines = read_lines(path)
    for number, line in lines:
        if not line.strip():
            continue
        try:
            record = read_json(line)
        except ValueError as error:
            if first and line.lstrip().startswith("["):
                rest = [line, *(line for _, line in lines)]
                yield from enumerate(_read_array(path, number, rest), 1)
                return
            raise FormatError(path, number, str(error), _mend(line)) from error
        if first and isinstance(record, list) and all(isinstance(item, dict) for item in record):
            yield from enumerate(record, 1)
        else:
            yield number, record
        first = False


def write_records(path: Path, records: Iterable[Any]) -> None:
    """JSON lines, characters as they are (`write_json`)."""
    write_lines(path, map(write_json, records))


def _read_array(path: Path, number: int, lines: list[str]) -> list[Any]:
    """Of a file that begins in line `number`."""
    try:
        return cast(list[Any], json.loads("\n".join(lines)))
    except json.JSONDecodeError as error:
        where = number + error.lineno - 1
        what = f"not JSON at column {error.colno} ({error.msg})"
        mend = _mend(lines[error.lineno - 1]) if error.lineno <= len(lines) else "Mend this line"
        raise FormatError(path, where, what, mend) from error
    except (RecursionError, ValueError) as error:
        what = "the JSON nests too deep, or has a number of too many digits"
        raise FormatError(path, number, what, "Mend or remove it") from error


def _mend(line: str) -> str:
    if BOM in line or "}{" in line.replace(" ", "") or "][" in line:
        return "Put a line end between the records: files were joined, it seems"
    return "Mend or remove this line"
