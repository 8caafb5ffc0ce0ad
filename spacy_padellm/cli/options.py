"""Options that several commands have; numbers and texts that a command was given."""

from typing import Annotated

from spacy.cli._util import Opt

from ..formats.json_text import is_unicode

_PIPELINE = "A pipeline with padellm_ner, a model folder, a Hub id, or 'english'"
Pipeline = Annotated[str, Opt("--pipeline", "-p", help=_PIPELINE)]
Labels = Annotated[str, Opt("--labels", "-l", help="Labels to ask for, as PER,ORG; by default all")]
ANNOTATED = "Annotated texts: .spacy, csv, jsonl, conll, ..., as `padellm train` reads them"

_LEAST = {"batch_size": 1, "rounds": 1, "limit": 0, "examples": 0}


def check_numbers(**options: int) -> None:
    """Raises ValueError, naming the option, for one that is too low."""
    for name, value in options.items():
        if value < _LEAST[name]:
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} is {value}: it must be at least {_LEAST[name]}")


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
