"""The rows of a table (CSV, TSV) under the names of its head line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from .annotated_text import FormatError
from .files import BOM, read_text

Row = tuple[int, dict[str, str]]


def read_rows(path: Path) -> Iterator[Row]:
    """The head as a row of empty values, then each row with the line on which it begins. What
    divides values is told from the head. Blank lines are left out, and so is a head that stands
    again where files were joined. Raises FormatError for rows that do not fit the head."""
    content = read_text(path)
    if not content.strip():
        return
    head_line = next(line for line in io.StringIO(content) if line.strip(f"{BOM} \t\r\n"))
    delimiter = max(",;\t|", key=head_line.count)
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
            if names is None:
                names = [name.strip() for name in values]
                yield number, dict.fromkeys(names, "")
            elif len(values) != len(names):
                what = f"{len(values)} values under {len(names)} names"
                raise FormatError(path, number, what, "Put a value that holds commas into quotes")
            elif [value.strip() for value in values] != names:
                yield number, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise FormatError(path, began, f"no row ({error})", "Mend the quotes of this row") from None


class _Lines:
    """Lines with their ends; a byte order mark goes where a row begins, and stays in a value."""

    def __init__(self, content: str) -> None:
        self._lines = io.StringIO(content, newline="")
        self.row_begins = True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            begins, self.row_begins = self.row_begins, False
            yield line.lstrip(BOM) if begins else line
