"""What several threads ask for at once: one of them makes it, the others wait and share it."""

import copy
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SharedResult(Generic[Result]):
    """Keeps nothing: who has got a result remembers it. A copy begins anew."""

    def __init__(self) -> None:
        # By process: a fork has no thread that would ever finish what its parent had begun.
        self._running: dict[int, _Work[Result]] = {}

    def get(self, make: Callable[[], Result]) -> Result:
        """What `make` returns or raises, in this thread or in the one that is at it already.

        `make` looks first whether it was done in the meantime. A failure is shared by those that
        have waited for it, an error of their own for each; whoever asks later tries again.

        Raises RuntimeError where `make` itself asks for the result.
        """
        while True:
            own: _Work[Result] = _Work()
            running = self._running.setdefault(os.getpid(), own)
            if running is own:
                return self._run(own, make)
            if running.thread == own.thread:
                raise RuntimeError("a model is asked for by what is loading it")
            try:
                return running.result()
            except _StoppedError:
                continue
            except Exception as error:
                raise _copied(error) from error

    def _run(self, own: "_Work[Result]", make: Callable[[], Result]) -> Result:
        try:
            try:
                result = make()
            finally:  # first: whoever asks from now on tries again
                self._running.pop(os.getpid(), None)
        except Exception as error:
            own.set_exception(error)
            raise
        except BaseException:  # an interrupt is for this thread alone
            own.set_exception(_StoppedError())
            raise
        own.set_result(result)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedResult, ()


class _Work(Future[Result]):
    """thread: that is at it."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()


class _StoppedError(Exception):
    """The thread that was at it did not come to an end."""


def _copied(error: Exception) -> Exception:
    """An error for one more thread: each adds its own lines to the traceback of what it raises."""
    try:
        copied = copy.copy(error)
    except Exception:  # of a kind that takes other arguments than it keeps
        return error
    return copied if type(copied) is type(error) and str(copied) == str(error) else error
