"""Names that were not known, and what may have been meant."""

import difflib
from collections.abc import Collection, Iterable

MOST_LOOKED_AT = 20  # names: a message with hundreds helps nobody, and others wait for it


def closest(name: str, known: Iterable[str]) -> str | None:
    """Of these names the one that `name` is likely to be a misspelling of, whatever its case; None
    where none is close."""
    by_case = {one.casefold(): one for one in known}
    given = name[:1000].casefold()
    for close in difflib.get_close_matches(given, by_case, n=3):
        alike = difflib.SequenceMatcher(None, close, given).ratio()
        if alike >= 0.8 or close[:1] == given[:1]:  # 'PRE' is 'PER', and 'GPE' is not
            return by_case[close]
    return None


def show_names(
    names: Collection[str], known: Collection[str] = (), given: Collection[str] = ()
) -> str:
    """Such as "'PRE' (did you mean 'PER'?), 'RIVER'". known: what may have been meant, but for
    those that are `given`, too."""
    free = [one for one in known if one not in given]
    shown = []
    for i, name in enumerate(names):
        close = closest(name, free) if i < MOST_LOOKED_AT else None
        shown.append(repr(name) + (f" (did you mean {close!r}?)" if close else ""))
    return ", ".join(shown)
