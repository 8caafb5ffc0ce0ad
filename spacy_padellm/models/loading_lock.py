"""The lock that loads take: one at a time in a process, whoever asks for it.

While transformers makes a model, `tie_weights`, the functions of `torch.nn.init`, the default dtype
and more are others than usual for the whole process; two loads at once each take the other's state
for the usual one, and leave it so for good.
"""

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from typing import Any

from ..lm.locks import ForkLock

_lock = ForkLock()
_forks = threading.local()  # waited: whether this thread holds the lock for its fork


@contextlib.contextmanager
def loading_lock() -> Iterator[None]:
    """Held while a model is read, made, or given new layers; others wait. As a decorator, too.
    Whoever also takes the `Turn` of a shared base takes it inside."""
    with _lock:
        yield


def check_undisturbed(model: Any, missing: Collection[str]) -> None:
    """Raises ValueError where weights are missing for no fault of their folder: others in this
    process, who do not take this lock, were making a model at the same moment."""
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    if missing and all(name in tied and tied[name] not in missing for name in missing):
        raise ValueError(
            f"another thread was loading a model with transformers while {type(model).__name__} "
            f"was read, and transformers loads one at a time: try again, or load all models before "
            f"the threads start. If it fails again, start the process anew"
        )


def _wait_for_loads() -> None:
    """A process that was forked in the middle of a load would keep that state."""
    _lock.__enter__()
    _forks.waited = True


def _go_on() -> None:
    if getattr(_forks, "waited", False):  # not where an interrupt has cut the wait short
        _forks.waited = False
        _lock.__exit__()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_loads, after_in_parent=_go_on, after_in_child=_go_on)
