"""Where a model's files are: a folder, a GGUF file, an installed package, or the Hub."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from ..extras import NotInstalledError
from ..logs import warn_of_few
from ..meant import closest
from .hub_access import NotOnHubError, downloaded_file, hub_file
from .named.box import IN_THE_BOX
from .named.lookup import find_named, known_names
from .named.named_model import GGUF, NamedModel

logger = logging.getLogger(__name__)
# What a model may have beside its weights.
FILES = (
    "config.json", "adapter_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "generation_config.json",
)  # fmt: skip
_OLD_TOKENIZERS = (
    "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "tekken.json",
)  # fmt: skip
_OF_A_MODEL = ("config.json", "adapter_config.json", "padellm.json")  # a model's folder has one


_HIDDEN = (
    "%s is %r, taken for the folder %s, which hides the model of that name: "
    "rename the folder to have that"
)


@dataclass(frozen=True)
class ModelPlace:
    """folder: absolute; None for a Hub id, and for what must be made into a folder first
    (`prepared`). name: the Hub id, the name of a model in an installed package, the GGUF file, or
    the folder: what a reference to this model must say. revision: of a Hub id. setting: that has
    led here; called: what messages call that, such as an option of a command. named: what the name
    stands for; None for a plain folder and a Hub id."""

    name: str
    folder: Path | None
    revision: str | None = None
    setting: str = field(default="name", compare=False)
    called: str = field(default="the model setting `name`", compare=False)
    named: NamedModel | None = field(default=None, compare=False)

    @property
    def on_hub(self) -> bool:
        return self.folder is None and self.named is None

    @property
    def with_revision(self) -> str:
        """The name, of a Hub id with its revision, as it is written where no setting has that."""
        return f"{self.name}@{self.revision}" if self.revision else self.name

    @property
    def source(self) -> str:
        """The folder that `from_pretrained` takes; of a Hub model, that of its downloads. Raises
        ValueError as `file`, and where nothing was downloaded."""
        if self.folder is not None:
            return str(self.folder)
        for name in FILES:
            if path := self.file(name):
                return str(path.parent)
        raise ValueError(f"{self.described} has no file that a model has, such as {FILES[0]}")

    @property
    def described(self) -> str:
        if self.named is not None:
            return f"the model {self.name!r}" + (f" in {self.folder}" if self.folder else "")
        return f"the folder {self.folder}" if self.folder else f"the Hub model {self.name!r}"

    def file(self, name: str) -> Path | None:
        """A file of the model, fetched from the Hub if need be; None where there is none. Raises
        ValueError naming the setting where the Hub has no such model, or is not reached."""
        if self.folder is not None:
            path = self.folder / name
            return path if path.is_file() else None
        if not self.on_hub:
            return None
        try:
            return hub_file(self.name, name, self.revision)
        except NotOnHubError as error:
            raise ValueError(self._not_there(error)) from error

    def file_here(self, name: str) -> Path | None:
        """The same without the network: of a Hub model, None for what was not downloaded."""
        return downloaded_file(self.name, name, self.revision) if self.on_hub else self.file(name)

    def fetch(self) -> None:
        """Downloads what a Hub model has beside its weights. Raises ValueError as `file`."""
        if self.on_hub:
            found = {name: self.file(name) for name in FILES}
            if not found["tokenizer.json"]:
                for name in _OLD_TOKENIZERS:
                    self.file(name)

    def _not_there(self, error: NotOnHubError) -> str:
        names = known_names() if self.setting in ("name", "base") else []
        close = closest(self.name, names)
        meant = f" Did you mean {close!r}?" if close else ""
        when = "Give" if error.reached else "Offline, give"
        hub = ", the id of another" if error.reached else ""
        others = f", or the name of a model ({', '.join(map(repr, names))})" if names else ""
        return (
            f"{self.called} is {self.name!r}: there is no such folder, and it could not be fetched "
            f"from the Hub: {error}.{meant} {when} the path of a downloaded folder{hub}{others}"
        )


def find_place(
    name: str,
    setting: str,
    revision: str | None = None,
    within: Path | None = None,
    called: str = "",
) -> ModelPlace:
    """A folder or a GGUF file where there is one; else the name of a model in an installed package
    (`named`); else it is taken for a Hub id, "id@revision" or "id".

    within: the folder of a saved model that refers to this one: a relative path is looked up there
    first, and a name means a package, whatever the working directory holds. called: what messages
    call the setting, where it was not in a config.

    Raises ValueError naming the setting for a path that leads to no folder or GGUF file, or may not
    be followed, for a name whose package is not installed, and for one that is broken.
    """
    called = called or f"the model setting `{setting}`"
    try:
        if within is not None and name and (place := _on_disk(name, within)):
            return place
        here = _on_disk(name) if name else None
    except PermissionError as error:
        raise ValueError(
            f"{called} is {name!r}, where nothing may be read "
            f"({error.strerror}): ask for access, or name another folder"
        ) from error
    if here is not None and (within is None or Path(name).is_absolute()) and _holds_model(here):
        if _may_be_name(name) and name in known_names():
            warn_of_few(logger, _HIDDEN, called, name, here.name)
        return here
    try:
        named = find_named(name) if _may_be_name(name) else None
    except NotInstalledError as error:
        raise NotInstalledError(f"{error} ({called} is {name!r})") from None
    except ValueError as error:
        raise ValueError(f"{called} is {name!r}: {error}") from error
    if named is not None:
        folder = named.files[0] if named.is_ready else None
        return ModelPlace(name, folder, setting=setting, called=called, named=named)
    if here is not None:
        return here
    looks_like_path = (
        name.startswith((".", "/", "~")) or (os.sep == "\\" and "\\" in name) or name.count("/") > 1
    )
    if _is_file(name):
        raise ValueError(
            f"{called} is the file {name!r}: give a folder, or a GGUF file, whose name ends in "
            f"{GGUF}"
        )
    if looks_like_path or not name or name.lower().endswith(GGUF):
        names = f", or one of {', '.join(map(repr, known_names()))}" if setting == "name" else ""
        raise ValueError(
            f"{called} is {name!r}, but there is no such folder or GGUF file: give a folder, or "
            f"a Hub id{names} (a single file on the Hub must be downloaded first)"
        )
    repo, _, own_revision = name.partition("@")
    return ModelPlace(repo, None, own_revision or revision, setting, called)


def in_the_box(name: str) -> bool:
    """Whether a setting `name` leads to a model in the box, by its name or by its folder."""
    try:
        return bool(box_name(find_place(name, "name")))
    except ValueError:  # it leads nowhere, or no longer
        return False


def box_name(place: ModelPlace) -> str:
    """The name of the model in the box whose folder it is, whatever it is called here; "" for any
    other place."""
    if place.folder is None:
        return ""
    folder = place.folder.resolve()
    return next((name for name, box in IN_THE_BOX.items() if box.resolve() == folder), "")


def _on_disk(name: str, within: Path | None = None) -> ModelPlace | None:
    """None where there is nothing, and for what no path can be. Links to files keep their names:
    those of the Hub's downloads lead to others. Raises PermissionError."""
    try:
        path = within / name if within else Path(name).expanduser()
        if path.is_dir():
            return ModelPlace(str(path.resolve()), path.resolve())
        if path.suffix.lower() == GGUF and path.is_file():
            path = Path(os.path.abspath(path))
            return ModelPlace(str(path), None, named=NamedModel(path))
    except PermissionError:
        raise
    except (OSError, RuntimeError):  # it is too long, or "~" of nobody
        return None
    return None


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, RuntimeError):
        return False


def _holds_model(place: ModelPlace) -> bool:
    return place.folder is None or any((place.folder / name).is_file() for name in _OF_A_MODEL)


def _may_be_name(name: str) -> bool:
    return bool(name) and "/" not in name and os.sep not in name
