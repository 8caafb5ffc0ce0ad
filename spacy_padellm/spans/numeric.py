"""Numbers, and types, from outside: settings, what files and servers say. None is believed
unchecked.

NaN passes every comparison that is written the other way round, and JSON has no word for it.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

LARGEST = 2**63  # of whole numbers: what arrays and files can hold
MOST_TOKENS = 2**31  # in a batch, a window, a mention: more than any model reads at once
ROUNDING = 1e-3  # how far above 0 a log-probability may come out of half precision


def check_number(
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    whole: bool = False,
) -> None:
    """Raises ValueError, naming the setting, for what is not a number, not finite, not whole where
    it should be, or out of its range. least, most: included; above: excluded."""
    wanted = "a whole number" if whole else "a number"
    if above is not None:
        wanted += f" above {above:g}"
    elif least is not None:
        wanted += f", at least {least:g}"
    if most is not None:
        wanted += f" and at most {most:g}"
    fits = (
        _is_number(value, whole)
        and (abs(value) < LARGEST if isinstance(value, int) else math.isfinite(value))
        and (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
    )
    if not fits:
        raise ValueError(f"{name} is {_shown(value)}: it must be {wanted}")


def check_types(instance: Any, called: str = "{}") -> None:
    """Raises ValueError for a field of a dataclass whose value is not of the type that it declares.

    Nothing is converted: "no" is no truth value, and True no number; numpy's numbers are numbers.
    called: how a message names a field, for example "the model setting `{}`".
    """
    made_of: Any = type(instance)
    for name, (kind, wanted) in _declared(made_of).items():
        value = getattr(instance, name)
        try:
            plain = value.item() if isinstance(value, np.generic) else value
            kind.validate_python(plain, strict=True)
        except ValidationError:
            raise ValueError(
                f"{called.format(name)} is {_shown(value)}: it must be {wanted}"
            ) from None


@functools.cache
def _declared(kind: type) -> dict[str, tuple[TypeAdapter[Any], str]]:
    """Of each field of a dataclass, its type and what a message calls that."""
    hints = get_type_hints(kind)
    return {
        field.name: (TypeAdapter(hints[field.name]), _in_words(hints[field.name]))
        for field in dataclasses.fields(kind)
    }


_WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a string",
    type(None): "null", list: "a list", tuple: "a list", Sequence: "a list", dict: "a mapping",
    Mapping: "a mapping",
}  # fmt: skip


def _in_words(hint: Any) -> str:
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return " or ".join(map(_in_words, get_args(hint)))
    words = _WORDS.get(origin, f"a {getattr(origin, '__name__', origin)}")
    return f"{words} of strings" if words == "a list" and str in get_args(hint) else words


def read_log_probability(value: Any) -> float:
    """A log-probability, natural, as it came; at most 0, and -inf for what cannot be. Raises
    ValueError for NaN, inf, what is more than rounding above 0, and what is not a number."""
    if not _is_number(value):
        raise ValueError(f"what is of type {type(value).__name__} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number of hundreds of digits is not a log-probability") from None
    if not number <= ROUNDING:
        raise ValueError(f"{number} is not a log-probability, which is 0 at most")
    return min(number, 0.0)


def probability_of(log_probability: float) -> float:
    """Its exponential, 1 at most: the model's own arithmetic rounds. Raises ValueError for NaN."""
    if math.isnan(log_probability):
        raise ValueError(
            "the model gives NaN as a probability: its weights are damaged, or overflow in half "
            "precision (set model.dtype to 'bfloat16' or 'float32')"
        )
    return math.exp(min(log_probability, 0.0))


def is_probability(value: Any) -> bool:
    """Whether it is a number from 0 to 1."""
    return _is_number(value) and bool(0 <= value <= 1)


def _is_number(value: Any, whole: bool = False) -> bool:
    """numpy's numbers are some, too; truth values are none."""
    return isinstance(value, Integral if whole else Real) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as messages show it; numbers of thousands of digits cannot be written at all."""
    try:
        return repr(value)[:100]
    except ValueError:
        return "a number of thousands of digits"
