"""Caches that are kept from batch to batch, for what all prompts begin with."""

from collections.abc import Callable
from typing import Any

from .locks import ForkLock

MOST_KEPT = 4  # components that share a model may each have examples of their own


class KeptPreambles:
    """Caches of one row, by the ids that are in them. Those used last stay.

    They hold for one model with its weights: `forget` where weights change. A copy begins empty.
    """

    def __init__(self) -> None:
        self._caches: dict[tuple[int, ...], Any] = {}
        self._sound: bool | None = None
        self._lock = ForkLock()

    def __len__(self) -> int:
        return len(self._caches)

    def check(self, is_sound: Callable[[], bool]) -> bool:
        """Whether caches can be copied at all, found out once."""
        with self._lock:
            if self._sound is None:
                self._sound = is_sound()
            return self._sound

    def get(
        self, ids: tuple[int, ...], encode: Callable[[tuple[int, ...]], Any]
    ) -> tuple[Any, int]:
        """The cache, to be copied from and never to be run with, and how many tokens `encode` has
        run for it: none where it was kept. Several threads that want the same wait for one."""
        run = 0
        with self._lock:
            cache = self._caches.pop(ids, None)
            if cache is None:
                cache, run = encode(ids), len(ids)
            self._caches[ids] = cache
            while len(self._caches) > MOST_KEPT:
                del self._caches[next(iter(self._caches))]
        return cache, run

    def forget(self) -> None:
        with self._lock:
            self._caches.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptPreambles, ()
