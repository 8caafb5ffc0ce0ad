"""Options that several commands have; numbers, texts and files that a command was given."""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from spacy.cli._util import Opt

from ..formats.annotated_text import FormatError
from ..formats.docbin import AlignmentMode
from ..formats.guess import Format
from ..formats.json_text import is_unicode


def choice(literal: Any, *more: str) -> dict[str, Any]:
    """Of an option: typer takes an Enum of its own, and no Literal in earlier releases."""
    names = [*more, *get_args(literal)]

    def read(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}")
        return name

    return {"parser": read, "metavar": f"[{'|'.join(names)}]"}


_PIPELINE = "A pipeline with padellm_ner, a model folder or name, or a Hub id"
Pipeline = Annotated[str, Opt("--pipeline", "-p", help=_PIPELINE)]
Labels = Annotated[str, Opt("--labels", "-l", help="Labels, such as PER,ORG; by default all")]
# Of commands that read annotated texts.
ANNOTATED = "Annotated texts: .spacy, csv, jsonl, conll, ..., as `padellm train` reads them"
_FORMAT = "Format of the annotated texts; by default, guessed from name and content"
_ALIGNMENT = (
    "What to do with annotated spans that do not begin and end with whole words. By default "
    "contract, and an error if most spans are like that"
)
FormatOption = Annotated[Format | None, Opt("--format", **choice(Format), help=_FORMAT)]
Alignment = Annotated[
    AlignmentMode | None,
    Opt("--alignment-mode", **choice(AlignmentMode), help=_ALIGNMENT),
]
_OPTIONS = {"format": "--format"}

_LEAST = {"batch_size": 1, "rounds": 1, "limit": 0, "examples": 0}


def check_numbers(**options: int) -> None:
    """Raises ValueError, naming the option, for one that is too low."""
    for name, value in options.items():
        if value < _LEAST[name]:
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} is {value}: it must be at least {_LEAST[name]}")


def say_error(error: Exception, options: Mapping[str, str] = _OPTIONS) -> str:
    """What an error says, in the words of a command. options: of the command, by the setting of
    `FormatError` that each gives."""
    return str(error.called(options) if isinstance(error, FormatError) else error)


def check_output(path: Path) -> None:
    """Before work whose result would be lost: raises ValueError, naming --output, where no file can
    be written. Leaves no new folder."""
    if path.is_dir():
        raise ValueError(f"--output {path} is a folder: name a file")
    if path.is_file() or not path.exists():  # others, such as /dev/stdout, need no folder
        check_place(path, "--output")


def check_place(path: Path, option: str) -> None:
    """Raises ValueError, naming the option, where a file or folder cannot be written, with missing
    folders around it. None of them is left: what follows may fail."""
    missing: list[Path] = []
    try:
        missing += [folder for folder in path.absolute().parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"{option} {path} cannot be written: {error}") from None
    finally:
        for folder in missing:  # the innermost first
            with contextlib.suppress(OSError):
                folder.rmdir()


def read_text(text: str, option: str) -> str:
    """What was typed, in a terminal of any locale.

    Where that is ASCII, Python gives each byte of UTF-8 as half a character. Raises ValueError,
    naming the option, for what is not UTF-8.
    """
    if is_unicode(text):
        return text
    try:
        return text.encode("utf8", "surrogateescape").decode("utf8")
    except UnicodeError:
        raise ValueError(f"{option} is not UTF-8: give it in that") from None
