"""JSON that others wrote, and JSON that any reader takes. Knows nothing of spaCy."""

import json
import math
import numbers
import re
import sys
from typing import Any

DEPTH = 200  # lists and objects in one another; msgpack, in .spacy files, ends at about 500
_TOO_DEEP = f"lists and objects are nested more than {DEPTH} deep"
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)


class JSONError(ValueError):
    """What cannot be read as JSON. line: of the text where it goes wrong, from 1."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8. Raises JSONError, whatever is wrong with it: no
    JSON, too deep, a number of too many digits."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig", "surrogatepass")
        except UnicodeDecodeError:
            raise JSONError("not UTF-8") from None
    try:
        value = json.loads(text)
    except RecursionError:
        raise JSONError(_TOO_DEEP, _line_too_far(text) or 1) from None
    except json.JSONDecodeError as error:
        what = f"not JSON at column {error.colno} ({error.msg})"
        raise JSONError(what, error.lineno) from error
    except ValueError:  # Python's limit on the digits of an integer
        what = "not readable: it has a number of too many digits"
        raise JSONError(what, _line_too_far(text) or 1) from None
    if _may_be_deep(text) and (line := _line_too_far(text)):
        raise JSONError(_TOO_DEEP, line)
    return value


def write_json(value: Any, indent: int | None = None) -> str:
    """JSON as the standard has it: NaN and Infinity become null, a lone surrogate its escape;
    characters are as they are, and what JSON has no type for is a string. Raises
    ValueError for what is nested too deep."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except (ValueError, TypeError, RecursionError, OverflowError):
        text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    if _may_be_deep(text) and _line_too_far(text):
        raise ValueError(_TOO_DEEP)  # `read_json` would refuse it
    return unicode_text(text)


def plain(value: Any, depth: int = DEPTH) -> Any:
    """The same of JSON's types only: lists, objects with strings as keys, strings, finite numbers,
    true, false and null. Raises ValueError for what is nested deeper than `depth`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf8", "backslashreplace")
    if not isinstance(value, dict | list | tuple | set | frozenset):
        return str(value)
    if not depth:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else str(key): plain(item, depth - 1)
            for key, item in value.items()
        }
    return [plain(item, depth - 1) for item in value]


def packable(value: Any) -> Any:
    """Of plain data, what msgpack, and so a .spacy file, can hold: integers of more than 64 bits as
    strings, lone surrogates as their escapes."""
    if isinstance(value, dict):
        return {packable(key): packable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [packable(item) for item in value]
    if isinstance(value, str):
        return unicode_text(value)
    too_large = isinstance(value, int) and not -(2**63) <= value < 2**64
    return str(value) if too_large else value


def unicode_text(text: str) -> str:
    """With escapes for lone surrogates, which no encoding has."""
    return text.encode("utf8", "backslashreplace").decode("utf8")


def is_unicode(text: str) -> bool:
    """Whether it has no lone surrogates."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _may_be_deep(text: str) -> bool:
    return text.count("[") + text.count("{") > DEPTH


def _line_too_far(text: str) -> int:
    """The first line, from 1, that is nested too deep or has an integer of too many digits; 0 where
    there is none."""
    depth = 0
    most = getattr(sys, "get_int_max_str_digits", int)()  # since Python 3.10.7
    for found in _TOKENS.finditer(text):
        token = found[0]
        depth += (token in "[{") - (token in "]}")
        too_long = token.isdigit() and len(token) > most > 0
        if depth > DEPTH or too_long:
            return text.count("\n", 0, found.start()) + 1
    return 0
