"""Whether a function that a config names is the one that it named before.

Registries give functions, not the blocks that they were made of: a closure, a partial function
or an object holds what the block said.
"""

import functools
import hashlib
import types
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

DEEPEST = 20  # values in one another


def identity_of(function: Callable[..., Any]) -> str | None:
    """The same string for the same function that holds the same values, in another process too;
    None where it holds what has no value of its own, such as an open file. The values themselves,
    which may be secret, are not in it."""
    try:
        described = _describe(function, DEEPEST)
    except TypeError:
        return None
    return hashlib.sha256(described.encode("utf8", "surrogatepass")).hexdigest()


def _describe(value: Any, depth: int) -> str:
    """Raises TypeError for what cannot be described."""
    if not depth:
        raise TypeError("too deep")
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if isinstance(value, PurePath):
        return f"Path({str(value)!r})"
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        return _name_of(value)

    def inner(*parts: Any) -> str:
        return ", ".join(_describe(part, depth - 1) for part in parts)

    if isinstance(value, list | tuple):
        return f"[{inner(*value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_describe(part, depth - 1) for part in value))}}}"
    if isinstance(value, Mapping):
        return f"{{{inner(*value.items())}}}"
    if isinstance(value, functools.partial):
        return f"partial({inner(value.func, value.args, value.keywords)})"
    if isinstance(value, types.MethodType):
        return f"method({inner(value.__func__, value.__self__)})"
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
        return f"{_name_of(value)}({inner(cells, value.__defaults__, value.__kwdefaults__)})"
    if not hasattr(value, "__dict__"):
        raise TypeError(f"a {type(value).__name__} has no value of its own")
    return f"{_name_of(type(value))}({inner(vars(value))})"


def _name_of(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"


def _is_full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
