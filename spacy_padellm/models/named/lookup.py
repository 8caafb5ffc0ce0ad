"""Names of models → what they stand for, through the entry-point group `spacy_padellm_models`."""

from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ...extras import PROJECT, NotInstalledError
from ...logs import first_line
from .named_model import GGUF, NamedModel
from .packaged import PackagedModel

GROUP = "spacy_padellm_models"
OURS = PROJECT
# What pyproject.toml declares, too: known without it in a checkout that is not installed.
OWN = {
    "english": "spacy_padellm.models.named.box:english",
    "english-any": "spacy_padellm.models.named.box:english_any",
    "english-smollm2": "spacy_padellm.models.named.packaged:ENGLISH_SMOLLM2",
    "smollm2": "spacy_padellm.models.named.packaged:SMOLLM2",
    "gemma3": "spacy_padellm.models.named.packaged:GEMMA3",
    "minilm": "spacy_padellm.models.named.packaged:MINILM",
}
# Of packages of ours that declare them: what is said where they are not installed.
APART = {"multilingual": "spacy_padellm.models.named.packaged:MULTILINGUAL"}


@dataclass(frozen=True)
class Listed:
    """A name as `padellm models` shows it. package: with its version, where it is installed.
    install: the command that installs it, where it is not. problem: why it cannot be used."""

    name: str
    package: str
    licence: str = ""
    about: str = ""
    install: str = ""
    problem: str = ""


def find_named(name: str) -> NamedModel | None:
    """None for a name that no package gives. Raises NotInstalledError with the command for one that
    is known, and ValueError naming the package for one that is broken or that two packages give."""
    found = _entries().get(name)
    return _load(name, found) if found else None


def brought_by(name: str) -> tuple[str, str]:
    """The package of others that gives the model of a name, "" for none, and the extra of this one
    that it needs. Raises ValueError as `find_named`, though not for a model that is missing."""
    if name in APART:  # installed, it does not say which extra its base needs
        known = _read(name, [EntryPoint(name, APART[name], GROUP)])
        return known.package, known.extra
    found = _entries().get(name)
    if not found:
        return "", "gguf" if name.lower().endswith(GGUF) else "torch"
    given = _read(name, found)
    if isinstance(given, PackagedModel):
        return "", given.extra
    package = _package(found[0])
    if package == OURS:
        return "", ""
    return package, "gguf" if _load(name, found).is_gguf else "torch"


def known_names() -> list[str]:
    return sorted(_entries())


def list_named() -> list[Listed]:
    """All names; whatever is wrong with one is said in its row."""
    return [_list(name, found) for name, found in sorted(_entries().items())]


def _entries() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=GROUP):
        found[entry.name].append(entry)
    for name, value in OWN.items():
        if not any(_package(entry) == OURS for entry in found[name]):
            found[name].append(EntryPoint(name, value, GROUP))
    for name, value in APART.items():
        if name not in found:
            found[name].append(EntryPoint(name, value, GROUP))
    return found


def _load(name: str, entries: list[EntryPoint]) -> NamedModel:
    given = _read(name, entries)
    if isinstance(given, NamedModel):
        return given
    made = _call(name, entries[0], given)
    if isinstance(made, str | Path):
        made = _call(name, entries[0], lambda: NamedModel(Path(made)))
    if not isinstance(made, NamedModel):
        raise ValueError(_broken(name, entries[0], f"it gives {str(made)[:60]!r}, no NamedModel"))
    return made


def _read(name: str, entries: list[EntryPoint]) -> Any:
    """What the one entry point of this name leads to."""
    if len(entries) > 1:
        packages = " and ".join(sorted(map(_package, entries)))
        raise ValueError(
            f"the model name {name!r} is given by several packages, {packages}: uninstall all but "
            f"one, or name the model's folder"
        )
    return _call(name, entries[0], entries[0].load)


def _call(name: str, entry: EntryPoint, made: Any) -> Any:
    """What a function gives, or the value itself. The code is of others: any error is theirs."""
    try:
        return made() if callable(made) else made
    except NotInstalledError:
        raise
    except Exception as error:
        if _package(entry) == OURS:  # which says in its own words what is wrong
            raise
        why = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(_broken(name, entry, why)) from error


def _broken(name: str, entry: EntryPoint, why: str) -> str:
    return (
        f"the model {name!r} cannot be had from the package {_package(entry)}, whose entry point "
        f"{entry.value!r} (group {GROUP}) is broken ({why}): install another version of it, or "
        f"name the model's folder"
    )


def _package(entry: EntryPoint) -> str:
    return entry.dist.name.lower().replace("_", "-") if entry.dist else OURS


def _list(name: str, entries: list[EntryPoint]) -> Listed:
    package = " and ".join(sorted(map(_package, entries)))
    try:
        given = _read(name, entries)
        if isinstance(given, PackagedModel):
            return _list_packaged(given, _with_version(package, entries[0]))
        model = _load(name, entries)
    except ValueError as error:
        return Listed(name, package, problem=str(error))
    return Listed(name, _with_version(package, entries[0]), model.licence, model.about)


def _with_version(package: str, entry: EntryPoint) -> str:
    return f"{package} {entry.dist.version if entry.dist else ''}".strip()


def _list_packaged(packaged: PackagedModel, ours: str) -> Listed:
    """ours: this package, with its version."""
    said = (packaged.licence, packaged.about)
    try:
        packaged()
    except NotInstalledError:
        return Listed(packaged.name, packaged.package, *said, install=packaged.install)
    except ValueError as error:
        return Listed(packaged.name, packaged.package, *said, problem=str(error))
    packages = f"{packaged.package} {packaged.version}"
    if packaged.adapter is not None:  # which is ours, with its card
        packages = f"{ours}, {packages}"
    return Listed(packaged.name, packages, *said)
