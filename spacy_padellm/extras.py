"""What an installation may lack, and the command that installs it.

`pip install spacy-padellm` decodes with exported models and with models behind servers; torch and
all that needs it is in the extra `torch`. Nothing is imported here to be looked for.
"""

import importlib.util
import threading
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

PROJECT = "spacy-padellm"
TORCH = ("torch", "transformers", "peft", "accelerate")
# Extra → the packages without which its code does not run.
EXTRAS = {
    "torch": TORCH,
    "export": (*TORCH, "onnx", "onnx-ir"),
    "gguf": (*TORCH, "gguf"),
    "quantize": (*TORCH, "torchao"),
    "analyze": ("matplotlib",),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
    "serve": (
        *("fastapi", "starlette", "uvicorn", "h11", "anyio"),
        *("prometheus-client", "python-multipart"),
    ),
}


class NotInstalledError(ValueError):
    """What is asked for needs packages that are not there; the message has the command."""


def install_command(extra: str) -> str:
    return f"pip install '{PROJECT}[{extra}]'"


def has(extra: str) -> bool:
    """Whether its packages are installed, none of them older than it takes."""
    return not _lacking(extra)


def need(extra: str, what: str, otherwise: str = "", bring: str = "") -> None:
    """Raises NotInstalledError where a package of the extra is missing or too old. what: is asked
    for, as the subject of a sentence. otherwise: what to do without, a sentence. bring: an extra to
    install that includes it, where more will be needed."""
    if lacking := _lacking(extra):
        command = install_command(bring or extra) + (f". {otherwise}" if otherwise else "")
        raise NotInstalledError(f"{what} needs {lacking}: {command}")


def _lacking(extra: str) -> str:
    """What is missing or too old; "" where nothing is."""
    packages = EXTRAS[extra]
    missing = [p for p in packages if importlib.util.find_spec(p.replace("-", "_")) is None]
    if missing:
        return f"{', '.join(missing)} (not installed)"
    return ", ".join(filter(None, (_too_old(package, extra) for package in packages)))


def _too_old(package: str, extra: str) -> str:
    """A package that others have brought, in a version below that of the extra, or of `torch`,
    which other extras include: "" for no other, and where nothing says which it is."""
    try:
        found = Version(metadata.version(package))
        lines = metadata.requires(PROJECT) or ()
    except (metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return ""
    for required in _parsed(tuple(lines)):
        if required.name != package or not _is_of(required, extra):
            continue
        for bound in required.specifier:
            if bound.operator == ">=" and found < Version(bound.version):
                return f"{package}{bound} ({found} is installed)"
    return ""


# Parsed once, by one thread: Python 3.11 may fail where several read literals at a time, as markers
# have them (python/cpython#106905).
_parsing = threading.Lock()
_parsed_lines: dict[tuple[str, ...], list[Requirement]] = {}


def _parsed(lines: tuple[str, ...]) -> list[Requirement]:
    with _parsing:
        if lines not in _parsed_lines:
            _parsed_lines[lines] = [Requirement(line) for line in lines]
        return _parsed_lines[lines]


def _is_of(required: Requirement, extra: str) -> bool:
    marker = required.marker
    return marker is None or any(marker.evaluate({"extra": name}) for name in (extra, "torch"))
