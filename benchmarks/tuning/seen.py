"""Whether a base has learned from a set before it is tuned here."""

import re
from typing import Any

from grid.seen import SEEN

_BASE = re.compile(r"(?:--base |paths\.base=)([\w.-]+)")


def has_seen(record: dict[str, Any], name: str) -> bool:
    """Whether a system's base has learned from the training texts of this set, so that a cell's few
    are not all that it knows of them. False where the system's `made_of` names no base."""
    bases = _BASE.findall(record["made_of"])
    return any(name in SEEN.get(base, ()) for base in bases)
