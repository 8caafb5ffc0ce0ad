"""The cells of WebAnno TSV 3: stacked values and their ids."""

import re
from pathlib import Path

from .annotated_text import FormatError
from .webanno_layers import Layer

_STACKED = re.compile(r"(?:\\.|[^|\\])+", re.DOTALL)
_ITEM = re.compile(r"((?:\\.|[^\[\\])*)(?:\[(\d+)\])?", re.DOTALL)
_NOTHING = re.compile(r"[_*;]*(?:\[[\d_]*\])?")
_RESERVED = re.compile(r"\\|\[|\]|\||_|->|;|\t|\n|\*")
_SHORT = {"\t": "\\t", "\n": "\\n"}
_CHARS = {"\\t": "\t", "\\n": "\n"}


def read_spans(
    path: Path, line: int, layer: Layer, cells: list[str]
) -> list[tuple[str, str | None]]:
    """(id, label) of each span of a layer on a token; id "" for one of this token alone, label None
    where it has none. Raises FormatError for a cell that is none."""
    cell = cells[layer.ids]
    if cell in ("_", ""):
        unseen = layer.ids_are_roles and any(one not in ("_", "") for one in cells)
        return [("", layer.short)] if unseen else []
    found = []
    for stacked in _STACKED.finditer(cell):
        match = _ITEM.fullmatch(stacked[0])
        if not match:
            raise FormatError(path, line, f"{cell!r} is not a cell", "Export the document anew")
        label = None if match[1] == "*" else _unescape(match[1])
        found.append((match[2] or "", layer.short if layer.label is None else label))
    return found


def says_something(cell: str) -> bool:
    """Whether any of the values in a cell, of whatever kind, is one."""
    return any(not _NOTHING.fullmatch(stacked[0]) for stacked in _STACKED.finditer(cell))


def escape_value(value: str) -> str:
    """A value as a cell has it."""
    return _RESERVED.sub(lambda match: _SHORT.get(match[0], "\\" + match[0]), value)


def _unescape(value: str) -> str:
    return re.sub(r"\\.", lambda m: _CHARS.get(m[0], m[0][1:]), value, flags=re.DOTALL)
