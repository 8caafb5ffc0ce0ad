"""Errors of other libraries over a model's files, in words of ours."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors import SafetensorError

COPY_AGAIN = "copy the folder again, or save it anew"
# Kinds whose message says by itself what is wrong.
_PLAIN = (OSError, ValueError, RuntimeError, ImportError)
# What they put before it.
_KINDS = re.compile(r"^(\w*Error: |(Class v|V)alidation error for (field|validator) '\w+': )+")
# What others advise about a folder that is not trusted, and nobody should follow here.
_BAD_ADVICE = ("trust_remote_code", "weights_only")


@contextlib.contextmanager
def foreign(
    describe: Callable[[str], str], own: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Whatever another library raises comes out as a ValueError with `describe(reason)`. A file can
    be wrong in ways that its reader did not think of, which then raises anything: so that nothing
    less than all errors are caught. own: kinds that pass as they are."""
    try:
        yield
    except own:
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # panics of Rust and checkpoints of torch are no Exception
        raise ValueError(describe(reason(error))) from error


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """What safetensors cannot write comes out as an OSError: it has a kind of its own for that."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What is wrong, in one line without advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    if not lines:
        return kind
    line = lines[0]
    if line.endswith(":") and len(lines) > 1:  # "Validation error for field 'x':"
        line = f"{line} {lines[1]}"
    for word in _BAD_ADVICE:
        if word in line:
            line = line.partition(". ")[0] if word not in line.partition(". ")[0] else kind
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError) or "out of memory" in line.lower():
        return f"there is not enough memory for it: {line}"
    if type(error).__module__ != "builtins":  # a library's own kinds, which say it in their words
        line = _KINDS.sub("", line)
    elif not (isinstance(error, _PLAIN) or type(error) is Exception or line.startswith(kind)):
        line = f"{kind}: {line}"
    return line if len(line) <= 300 else line[:300] + "…"
