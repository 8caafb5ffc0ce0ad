"""JSON records of files, with their line numbers."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .annotated_text import FormatError
from .files import BOM, bare_suffix, read_lines, write_lines
from .json_text import JSONError, read_json, write_json


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value) of JSON lines; blank lines are left out. A file that is one JSON array
    of objects gives those, with their index from 1 as the number; one that is an object over
    several lines gives that. Raises FormatError for a line that is not JSON."""
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
            if first and (found := _read_object([line, *(line for _, line in lines)])) is not None:
                yield number, found
                return
            raise FormatError(path, number, str(error), _mend(line)) from error
        if first and isinstance(record, list) and all(isinstance(item, dict) for item in record):
            yield from enumerate(record, 1)
        else:
            yield number, record
        first = False


def write_records(path: Path, records: Iterable[Any]) -> None:
    """JSON lines, characters as they are (`write_json`). Raises FormatError for a record that is
    nested deeper than any reader takes."""
    write_lines(path, (_line(path, number, record) for number, record in enumerate(records, 1)))


def write_json_file(path: Path, records: Iterable[Any]) -> None:
    """One JSON array, a record a line, if the name ends in .json, else JSON lines. Raises
    FormatError as `write_records`."""
    if bare_suffix(path) != ".json":
        write_records(path, records)
        return
    # In a list of its own, as it counts for the depth.
    lines = [_line(path, number, [record])[1:-1] for number, record in enumerate(records, 1)]
    write_lines(path, ["[", *(f"{line}," for line in lines[:-1]), *lines[-1:], "]"])


def _line(path: Path, number: int, record: Any) -> str:
    try:
        return write_json(record)
    except ValueError as error:
        raise FormatError(
            path, number, str(error), "Flatten what it has besides its text"
        ) from None


def _read_array(path: Path, number: int, lines: list[str]) -> list[Any]:
    """Of a file that begins in line `number`."""
    try:
        found: list[Any] = read_json("\n".join(lines))
        return found
    except JSONError as error:
        mend = _mend(lines[error.line - 1])
        raise FormatError(path, number + error.line - 1, str(error), mend) from error


def _read_object(lines: list[str]) -> dict[str, Any] | None:
    """None where the lines are not one object."""
    if not lines[0].lstrip().startswith("{"):
        return None
    try:
        found = read_json("\n".join(lines))
    except JSONError:
        return None
    return found if isinstance(found, dict) else None


def _mend(line: str) -> str:
    if BOM in line or "}{" in line.replace(" ", "") or "][" in line:
        return "Put a line end between the records: files were joined, it seems"
    return "Mend or remove this line"
