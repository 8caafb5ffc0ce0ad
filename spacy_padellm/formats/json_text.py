"""JSON that others wrote, and JSON that any reader takes. Knows nothing of spaCy."""

import json
import math
import numbers
from typing import Any

DEPTH = 200  # lists and objects in one another; msgpack, in .spacy files, ends at about 500


class JSONError(ValueError):
    """What cannot be read as JSON. line: of the text where it goes wrong, from 1; else 0."""

    line = 0


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    Raises JSONError, whatever is wrong with it: no JSON, too deep, a number of too many digits.
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig", "surrogatepass")
        value = json.loads(text)
    except RecursionError:
        raise JSONError(too_deep()) from None
    except json.JSONDecodeError as error:
        told = JSONError(f"not JSON at column {error.colno} ({error.msg})")
        told.line = error.lineno
        raise told from error
    except UnicodeDecodeError:
        raise JSONError("not UTF-8") from None
    except ValueError:  # Python's limit on the digits of an integer
        raise JSONError("not readable: it has a number of too many digits") from None
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(value)
    return value


def write_json(value: Any, indent: int | None = None) -> str:
    """JSON as the standard has it: what is no number (NaN, Infinity) becomes null, a lone surrogate
    its escape; characters are as they are, and what JSON has no type for is a string.

    Raises ValueError for what is nested too deep.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except (ValueError, TypeError, RecursionError, OverflowError):
        text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return unicode_text(text)


def plain(value: Any, depth: int = DEPTH) -> Any:
    """The same of JSON's types only: lists, objects with strings as keys, strings, finite numbers,
    true, false and null.

    Raises ValueError for what is nested deeper than `depth`.
    """
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
        raise ValueError(too_deep())
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


def too_deep() -> str:
    """What is said of it."""
    return f"lists and objects are nested more than {DEPTH} deep"


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise JSONError(too_deep())
