"""Locks that a forked process has free: the thread that held one is not there to give it back."""

import os
import threading
import weakref
from typing import Any


class ForkLock:
    """Held by one thread at a time, which may take it again. A forked process has it free, unless
    the thread that forked held it; a copy has one of its own."""

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        _all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def after_fork(self) -> None:
        """In the new process, which has no other threads yet."""
        if not self._lock._is_owned():
            self._lock = threading.RLock()


_all: "weakref.WeakSet[ForkLock]" = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_all):
        lock.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
