"""The rows of a table (CSV, TSV) under the names of its head line."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from .annotated_text import FormatError
from .files import BOM, read_lines, read_text

Row = tuple[int, dict[str, str]]
# A line before the head, by which Excel is told what divides values.
_DIVIDED_BY = re.compile(r'"?sep=([^\w\s"]|\t)"?', re.IGNORECASE)
_CALLED = {",": "commas", ";": "semicolons", "\t": "tabs"}


def read_rows(path: Path) -> Iterator[Row]:
    """The head as a row of empty values, then each row with the line on which it begins. What
    divides values is told from the head, or by Excel's line "sep=;" before it, which is not a row.
    Blank lines are left out, and so is a head that stands again where files were joined. Raises
    FormatError for rows that do not fit the head."""
    content = read_text(path)
    if not content.strip():
        return
    head_line = next(line for line in io.StringIO(content) if line.strip(f"{BOM} \t\r\n"))
    delimiter = _delimiter(head_line)
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    lines = _Lines(content)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    began = 1
    try:
        for values in reader:
            number, began = began, reader.line_num + 1
            lines.row_begins = True
            if not values or (names is None and not any(value.strip() for value in values)):
                continue  # a blank line; an empty text is in quotes
            if names is None and _DIVIDED_BY.fullmatch(delimiter.join(values).strip(" ")):
                continue
            if names is None:
                names = [name.strip() for name in values]
                yield number, dict.fromkeys(names, "")
            elif len(values) != len(names):
                what = f"{len(values)} values under {len(names)} names"
                mend = (
                    f"Put a value that holds {_CALLED.get(delimiter, repr(delimiter))} into quotes"
                )
                raise FormatError(path, number, what, mend)
            elif [value.strip() for value in values] != names:
                yield number, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise FormatError(path, began, f"no row ({error})", "Mend the quotes of this row") from None


def read_head(path: Path) -> list[str]:
    """The names of the head line, without reading more; none where there is no such line. Raises
    FormatError for what is no text."""
    lines = (line for _, line in read_lines(path) if line.strip())
    line = next(lines, "")
    delimiter = _delimiter(line)
    if _DIVIDED_BY.fullmatch(line.strip(" ")):
        line = next(lines, "")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _delimiter(line: str) -> str:
    """line: the first that is not blank."""
    said = _DIVIDED_BY.fullmatch(line.strip(f"{BOM} \r\n"))
    return said[1] if said else max(",;\t|", key=line.count)


class _Lines:
    """Lines with their ends; a byte order mark goes where a row begins, and stays in a value."""

    def __init__(self, content: str) -> None:
        self._lines = io.StringIO(content, newline="")
        self.row_begins = True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            begins, self.row_begins = self.row_begins, False
            yield line.lstrip(BOM) if begins else line
