"""JSON records of files, with their line numbers."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from .annotated import FormatError
from .files import BOM, is_unicode, read_lines, write_lines


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
            record = load_json(line)
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
    """JSON lines, characters as they are; those of a record with half a character as escapes."""
    plain = (json.dumps(record, ensure_ascii=False) for record in records)
    write_lines(path, (line if is_unicode(line) else _escape(line) for line in plain))


def load_json(text: str) -> Any:
    """The value of one line of JSON.

    Raises ValueError, saying what is wrong, for what is not JSON, nests too deep or has a number
    of too many digits.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at column {error.colno} ({error.msg})") from error
    except RecursionError as error:
        raise ValueError("the JSON nests too deep") from error
    except ValueError as error:
        raise ValueError("the JSON has a number of too many digits") from error


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


def _escape(line: str) -> str:
    return json.dumps(json.loads(line))
