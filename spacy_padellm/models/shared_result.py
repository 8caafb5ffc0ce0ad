"""What several threads ask for at once: one of them makes it, the others wait and share it."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SharedResult(Generic[Result]):
    """Keeps nothing: who has got a result remembers it. A copy begins anew."""

    def __init__(self) -> None:
        # By process: a fork has no thread that would ever finish what its parent had begun.
        self._running: dict[int, Future[Result]] = {}

    def get(self, make: Callable[[], Result]) -> Result:
        """What `make` returns or raises, in this thread or in the one that is at it already.

        `make` looks first whether it was done in the meantime. A failure is shared by those that
        have waited for it; whoever asks later tries again.
        """
        while True:
            own: Future[Result] = Future()
            running = self._running.setdefault(os.getpid(), own)
            if running is own:
                return self._run(own, make)
            try:
                return running.result()
            except _StoppedError:
                continue

    def _run(self, own: "Future[Result]", make: Callable[[], Result]) -> Result:
        try:
            result = make()
        except Exception as error:
            own.set_exception(error)
            raise
        except BaseException:  # an interrupt is for this thread alone
            own.set_exception(_StoppedError())
            raise
        else:
            own.set_result(result)
            return result
        finally:
            self._running.pop(os.getpid(), None)

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedResult, ()


class _StoppedError(Exception):
    """The thread that was at it did not come to an end."""
