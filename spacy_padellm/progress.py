"""How far a command is: a bar in a terminal, and now and then a line in a log.

A bar is drawn anew over itself, which makes thousands of characters of noise where standard error
is a file or a pipe. The one place that makes bars.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, Protocol, TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS = 30.0  # between two lines of a log


class Progress(Protocol):
    """What is done so far, `n`, of `total` where that is known."""

    n: float

    def update(self, n: float = 1) -> Any:
        """Counts `n` more."""
        ...

    def set_postfix(self, **values: Any) -> None:
        """What else to show."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> "Progress": ...

    def __exit__(self, *error: Any) -> None: ...


def progress(
    total: float | None = None,
    unit: str = "",
    label: str = "",
    *,
    done: float = 0,
    smoothing: float = 0.3,
    show: bool = True,
) -> Progress:
    """Shows on standard error what is counted. unit: of the numbers, in the plural. done: by an
    earlier run. smoothing: 0 for the mean speed, 1 for that of the last moment. show: False for
    nothing."""
    if show and not sys.stderr.isatty():
        return LoggedProgress(total, unit, label, done)
    return tqdm(
        total=total, unit=f" {unit}", desc=label, initial=done, smoothing=smoothing,
        disable=not show,
    )  # fmt: skip


def follow(items: Iterable[T], unit: str, label: str, show: bool = True) -> Iterator[T]:
    """The items, counted as they are taken."""
    total = len(items) if isinstance(items, Sized) else None
    with progress(total, unit, label, show=show) as bar:
        for item in items:
            yield item
            bar.update()


class LoggedProgress:
    """A line every `SECONDS`; none of what takes less."""

    def __init__(
        self, total: float | None, unit: str, label: str, n: float = 0, file: TextIO | None = None
    ) -> None:
        self.total = total
        self.unit = unit
        self.label = label
        self.n = n
        self._file = file
        self._values: dict[str, Any] = {}
        self._began = self._told = time.monotonic()
        # Where the speed is counted from: the first step also has what is done once.
        self._timed: tuple[float, float] | None = None

    def update(self, n: float = 1) -> None:
        self.n += n
        now = time.monotonic()
        if self._timed is None:
            self._timed = now, self.n
        if now - self._told >= SECONDS:
            self._told = now
            print(self._line(now), file=self._file or sys.stderr, flush=True)

    def set_postfix(self, **values: Any) -> None:
        self._values = values

    def close(self) -> None:
        pass

    def __enter__(self) -> "LoggedProgress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self, now: float) -> str:
        of = "" if self.total is None else f" of {_number(self.total)}"
        told = [f"{_number(self.n)}{of} {self.unit}".strip()]
        told.append(f"{_clock(now - self._began)} so far")
        since, first = self._timed or (now, self.n)
        if self.total is not None and self.n > first:
            left = (self.total - self.n) * (now - since) / (self.n - first)
            told.append(f"about {_clock(left)} left")
        told += [f"{name} {value}" for name, value in self._values.items()]
        return f"{self.label}: {', '.join(told)}" if self.label else ", ".join(told)


class AboveBars:
    """A stream to standard output whose lines appear above the bars of a terminal."""

    def write(self, text: str) -> None:
        if text.strip("\n"):
            tqdm.write(text.rstrip("\n"), file=sys.stdout)

    def flush(self) -> None:
        sys.stdout.flush()


def _number(value: float) -> str:
    """With six digits where it is no whole number."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,g}"


def _clock(seconds: float) -> str:
    """Such as 2:05, or 1:02:05."""
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
