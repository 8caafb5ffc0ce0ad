"""Systems side by side. To add one, give `--system`, or write a row here."""

import re
import runpy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grid.bases import digest_base, digest_file, digest_folder
from spacy.language import Language

from spacy_padellm.extras import NotInstalledError
from spacy_padellm.training import from_config

from .spacy_training import train_config, train_padellm, train_spacy_ner
from .task import Task

RECIPE = Path(from_config.__file__).parent
RIVAL = "spacy_ner"  # what the others are compared with
SYSTEM_FORM = "NAME=CONFIG.cfg[,KEY=VALUE...] or NAME=FILE.py:FUNCTION"


@dataclass(frozen=True)
class System:
    """train: makes the pipeline that is scored. made_of: what it is, kept with its results, so that
    those of two systems of one name are not mixed. missing: what it needs, where that is not
    given."""

    name: str
    made_of: str
    train: Callable[[Task], Language]
    missing: str = ""


def get_systems(given: list[str], bases: Iterable[str] = ()) -> dict[str, System]:
    """By name: those of the benchmark, then those of further bases, then those given in
    `SYSTEM_FORM`.

    bases: names of models, or their folders. Raises ValueError for what is no system.
    """
    found = {
        RIVAL: System(
            RIVAL, "spacy init config --pipeline ner --optimize efficiency", train_spacy_ner
        ),
        "padellm_box": _without_config("padellm_box", "english"),
    }
    for base in ("smollm2", *bases):
        name = f"padellm_{Path(base).name}"
        found[name] = _without_config(name, base)
    for text in given:
        system = read_system(text)
        if system.name in found:
            raise ValueError(f"--system {text}: there is a system {system.name}; name it anew")
        found[system.name] = system
    return found


def read_system(text: str) -> System:
    """A system of the form `SYSTEM_FORM`. The function takes a `Task` and returns a pipeline.

    Raises ValueError for another form, and where there is no such file.
    """
    name, _, rest = text.partition("=")
    place, *pairs = re.split(r",(?=[\w.]+=)", rest)
    file, _, function = place.partition(".py:")
    if not re.fullmatch(r"[\w.-]+", name) or not (place.endswith(".cfg") or function):
        raise ValueError(f"--system {text}: give {SYSTEM_FORM}")
    path = Path(place if not function else f"{file}.py")
    if not path.is_file():
        raise ValueError(f"--system {text}: there is no file {path}")
    if function:
        made_of = f"{path.name}@{digest_file(path)}:{function}"
        return System(name, made_of, partial(_call, path, function))
    return _from_config(name, path, dict(_pair(pair) for pair in pairs))


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _from_config(name: str, config: Path, overrides: dict[str, str]) -> System:
    pairs = [f",{key}={_called(value)}" for key, value in overrides.items()]
    made_of = f"{config.name}@{digest_file(config)}{''.join(pairs)}"
    return System(name, made_of, partial(train_config, config=config, overrides=overrides))


def _without_config(name: str, base: str) -> System:
    """What a user gets of `padellm train`."""
    recipe = "".join(digest_file(RECIPE / file) for file in ("recipe.py", "recipe.cfg"))
    called, missing = Path(base).name, ""
    try:
        called = f"{called}@{_digest_base(base)}"
    except NotInstalledError as error:
        missing = str(error)
    made_of = f"padellm train TRAIN --dev DEV --base {called}, recipe {recipe}"
    return System(name, made_of, partial(train_padellm, base=base), missing)


def _call(path: Path, function: str, task: Task) -> Language:
    trained: Language = runpy.run_path(str(path))[function](task)
    return trained


def _called(value: str) -> str:
    """Without the folders that lead to a file, but with what is in it."""
    path = Path(value)
    if path.is_dir():
        return f"{path.name}@{digest_folder(path)}"
    return f"{path.name}@{digest_file(path)}" if path.is_file() else value


def _digest_base(base: str) -> str:
    """Raises ValueError for a base that is neither on this machine nor a model of a package, and
    NotInstalledError for a package that is missing."""
    found = digest_base(base)
    if found is None:
        raise ValueError(f"the base {base!r} is not a folder: download it first")
    return found
