"""What a setting may hold, so that a spaCy config keeps it however often it is saved and loaded.

spaCy doubles every `$` of a config with each save and load, takes `${x}` for a variable, and parts
names of entries at `=` and `:`. Such values are refused where they are set. A `$` is written
`\\u0024`: functions that a config names get it as `$`.
"""

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..formats.json_text import is_unicode

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")

DOLLAR = "\\u0024"
_SECTION = "__SECTION__:"  # what spaCy writes in place of a variable that stands for a section
# What a config file, read by configparser, takes for the end of a name, a comment or a section.
_BREAKS_NAME = re.compile(r"[:=\n\r]|^[#;\[\s@]|\s$|^\*?$")
_BREAKS_SECTION = re.compile(r"[.\]]")
_PAIRS = ("labels", "label_definitions", "label_noise.names", "threshold")


def keeps_settings(*apart: str) -> Callable[[Callable[Arguments, Made]], Callable[Arguments, Made]]:
    """For a function that a config names: its settings are checked and read (`read_value`).

    apart: arguments that are no settings. The function raises ValueError for a setting that a
    config would change, naming it.
    """

    def decorate(make: Callable[Arguments, Made]) -> Callable[Arguments, Made]:
        signature = inspect.signature(make)

        @wraps(make)
        def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
            given = signature.bind(*args, **kwargs)
            for name, value in given.arguments.items():
                if name not in apart:
                    given.arguments[name] = read_value(value, name)
            return make(*given.args, **given.kwargs)

        checked.__signature__ = signature  # type: ignore[attr-defined]  # spaCy looks here
        return checked

    return decorate


def read_value(value: Any, setting: str, in_list: bool = False) -> Any:
    """The value that a config's value stands for. What is not a string, list or mapping stays.

    in_list: whether it is in a list, where mappings are JSON with any names; elsewhere they are
    sections of the config.

    Raises ValueError, naming the setting, for a value that a config would change.
    """
    if isinstance(value, str):
        _check_string(value, setting)
        return value.replace(DOLLAR, "$")
    if isinstance(value, list | tuple):
        return type(value)(read_value(inner, setting, in_list=True) for inner in value)
    if isinstance(value, dict):
        for key, inner in value.items():
            if not _is_name(key, inner, in_list):
                raise ValueError(f"{setting}: {_other_name(key, value, setting)}")
        return {
            read_value(key, setting): read_value(inner, f"{setting}.{key}", in_list)
            for key, inner in value.items()
        }
    return value


def write_value(value: Any) -> Any:
    """A value as a config holds it: what `read_value` reads."""
    if isinstance(value, str):
        return value.replace("$", DOLLAR)
    if isinstance(value, list | tuple):
        return [write_value(inner) for inner in value]
    if isinstance(value, dict):
        return {write_value(key): write_value(inner) for key, inner in value.items()}
    return value


def check_characters(string: str, setting: str) -> None:
    """Raises ValueError for a string that no file in UTF-8 can hold."""
    if not is_unicode(string):
        raise ValueError(f"{setting}: {string!r} has half a character (a surrogate)")


def _check_string(string: str, setting: str) -> None:
    if "$" in string:
        raise ValueError(
            f"{setting}: spaCy's configs double each `$` when they are saved and loaded: instead "
            f"of {string!r} write {write_value(string)!r}, which is read as it is meant"
        )
    if _SECTION in string:
        raise ValueError(f"{setting}: {_SECTION} means something else in a config: {string!r}")
    check_characters(string, setting)


def _is_name(key: Any, value: Any, in_list: bool) -> bool:
    """Whether a config keeps the name of an entry, or of a section where the value is a mapping."""
    if in_list or not isinstance(key, str):
        return isinstance(key, str)
    is_section = isinstance(value, dict)
    return not (_BREAKS_NAME.search(key) or (is_section and _BREAKS_SECTION.search(key)))


def _other_name(key: Any, mapping: dict[Any, Any], setting: str) -> str:
    mend = "use another name"
    if setting in _PAIRS:
        mend = f"give pairs, {[list(pair) for pair in mapping.items()]!r}"
    return f"{key!r} cannot be the name of a config entry, which a mapping makes it: {mend}"
