"""What the processes of one run (`torchrun`) must decide alike: the first decides for all.

Each could find something else: one times its processor while another is busy, or lists a folder
while the first tidies it. Before the model is there, and before anything says what it runs on, so
that no process group of torch is needed, only the place where processes meet.
"""

import itertools
import json
import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

Value = TypeVar("Value")
_LONG = timedelta(days=1)  # the first may have checkpoints of many gigabytes to read
_numbers = itertools.count()


def is_first() -> bool:
    """Whether this process is the only one of its run, or the first."""
    return os.environ.get("RANK", "0") == "0"


def agree(decide: Callable[[], Value]) -> Value:
    """What the first process decides, in plain values (JSON). All must ask for the same in turn.
    Where it fails, the others raise ValueError with what its error says."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return decide()
    key, place = str(next(_numbers)), _meeting_place()
    if not is_first():
        said = json.loads(place.get(key))
        if "error" in said:
            raise ValueError(said["error"])
        value: Value = said["value"]
        return value
    try:
        value = decide()
    except BaseException as error:
        place.set(key, json.dumps({"error": str(error)}))
        raise
    place.set(key, json.dumps({"value": value}))
    return value


@cache
def _meeting_place() -> Any:
    """Kept as long as the process: the first one may be its host."""
    from torch.distributed import PrefixStore, rendezvous

    store, _, _ = next(iter(rendezvous("env://")))
    place = PrefixStore("spacy_padellm", store)
    place.set_timeout(_LONG)
    return place
