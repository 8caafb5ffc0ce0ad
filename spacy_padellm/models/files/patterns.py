"""Regular expressions in an adapter's config, resolved to module names within a time limit.

peft matches them with `re`, which a pattern such as "(.*a)*(.*a)*b" or "(|a)(|a)(|a)b" keeps busy
for ever. Here `regex`, which has a time limit, finds the names that a pattern matches, and peft
gets the names.
"""

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

import regex

SECONDS = 1.0  # for all patterns of an adapter together
_MOST_REPEATS = 1_000  # `regex` writes them out: of {100}{100} that is 10,000 copies
_NAME = re.compile(r"[\w.]+")  # is matched at once, and stays
_BOUNDED = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_MATCHED_WHOLE = ("target_modules", "exclude_modules", "feedforward_modules")
_MATCHED_AS_PARTS = ("modules_to_save", "layers_pattern", "target_parameters")


def resolve_patterns(config: Any, names: Sequence[str]) -> None:
    """Replaces the patterns in a config of peft by the names that they match.

    names: of the base's modules. What is a plain name stays.

    Raises ValueError naming the field for a pattern that is none, takes too long, or matches no
    module.
    """
    deadline = time.monotonic() + SECONDS
    for field in _MATCHED_WHOLE:
        pattern = getattr(config, field, None)
        if isinstance(pattern, str) and pattern != "all-linear" and not _NAME.fullmatch(pattern):
            found = set(_matches(field, pattern, "{}", names, deadline))
            if not found and field == "target_modules":
                raise ValueError(f"{field} {pattern[:100]!r} matches no module of the base")
            setattr(config, field, found or None)
    for field in _MATCHED_AS_PARTS:
        given = getattr(config, field, None) or ()
        for item in [given] if isinstance(given, str) else given:
            if not _NAME.fullmatch(str(item)):
                raise ValueError(f"{field} has {str(item)[:100]!r}: name modules, without patterns")
    for field in (name for name in vars(config) if name.endswith("_pattern")):
        if isinstance(given := getattr(config, field), dict):
            setattr(config, field, _resolve_keys(field, given, names, deadline))


def _resolve_keys(
    field: str, given: dict[str, Any], names: Sequence[str], deadline: float
) -> dict[str, Any]:
    """As peft reads them, the first key that matches the end of a name counts for it."""
    if all(_NAME.fullmatch(key) for key in given):
        return given
    resolved: dict[str, Any] = {}
    for key, value in given.items():
        for name in _matches(field, key, r"(.*\.)?({})", names, deadline):
            resolved.setdefault(re.escape(name), value)
    return resolved


def _matches(
    field: str, pattern: str, frame: str, names: Iterable[str], deadline: float
) -> list[str]:
    try:
        re.compile(pattern)
        _check_repeats(pattern)
        compiled = regex.compile(frame.replace("{}", pattern))
        return [
            name
            for name in names
            if compiled.fullmatch(name, timeout=max(deadline - time.monotonic(), 0.001))
        ]
    except TimeoutError:
        raise ValueError(
            f"{field} has {pattern[:100]!r}, which takes longer than {SECONDS:.0f} second to match"
        ) from None
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        raise ValueError(
            f"{field} has {pattern[:100]!r}, which is not a pattern: {error}"
        ) from None


def _check_repeats(pattern: str) -> None:
    times = 1
    for least, most in _BOUNDED.findall(pattern):
        times *= max(int(most or least or 1), 1)
        if times > _MOST_REPEATS:
            raise OverflowError(f"it repeats a part more than {_MOST_REPEATS} times")
