"""What bases have learned before they are tuned here: on training texts of which sets."""

import re
from typing import Any

# By the name of the base: sets whose training texts it was trained on. Their test texts it was not.
SEEN = {"english": frozenset({"uner_ewt"})}  # the model in the box: TRAIN_SETS of its scripts
_BASE = re.compile(r"(?:--base |paths\.base=)([\w.-]+)")


def has_seen(record: dict[str, Any], name: str) -> bool:
    """Whether a system's base has learned from the training texts of this set, so that a cell's few
    are not all that it knows of them. False where the system's `made_of` names no base."""
    bases = _BASE.findall(record["made_of"])
    return any(name in SEEN.get(base, ()) for base in bases)
