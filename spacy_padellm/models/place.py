"""Where a model's files are: a folder, the model in the box, or a Hub id."""

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path

from .hub_access import NotOnHubError, hub_file

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
IN_THE_BOX = {"english": Path(__file__).parent / "english"}


@dataclass(frozen=True)
class ModelPlace:
    """folder: absolute; None for a Hub id. name: the Hub id, the name of a model in the box, or
    the folder: what a reference to this model must say. revision: of a Hub id. setting: that has
    led here, for messages."""

    name: str
    folder: Path | None
    revision: str | None = None
    setting: str = field(default="name", compare=False)

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
        return f"the folder {self.folder}" if self.folder else f"the Hub model {self.name!r}"

    def file(self, name: str) -> Path | None:
        """A file of the model, fetched from the Hub if need be; None where there is none. Raises
        ValueError naming the setting where the Hub has no such model, or is not reached."""
        if self.folder is not None:
            path = self.folder / name
            return path if path.is_file() else None
        try:
            return hub_file(self.name, name, self.revision)
        except NotOnHubError as error:
            raise ValueError(self._not_there(error)) from error

    def fetch(self) -> None:
        """Downloads what a Hub model has beside its weights. Raises ValueError as `file`."""
        if self.folder is None:
            found = {name: self.file(name) for name in FILES}
            if not found["tokenizer.json"]:
                for name in _OLD_TOKENIZERS:
                    self.file(name)

    def _not_there(self, error: NotOnHubError) -> str:
        boxed = list(IN_THE_BOX) if self.setting in ("name", "base") else []
        close = difflib.get_close_matches(self.name, boxed, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        when = "Give" if error.reached else "Offline, give"
        hub = ", the id of another" if error.reached else ""
        others = f", or a model in the box ({', '.join(map(repr, boxed))})" if boxed else ""
        return (
            f"the model setting `{self.setting}` is {self.name!r}: there is no such folder, and it "
            f"could not be fetched from the Hub: {error}.{meant} {when} the path of a downloaded "
            f"folder{hub}{others}"
        )


def find_place(
    name: str, setting: str, revision: str | None = None, within: Path | None = None
) -> ModelPlace:
    """A folder where there is one; else the name is taken for a Hub id, "id@revision" or "id".

    within: a folder in which a relative path is looked up first.

    Raises ValueError naming the setting for a path that leads to no folder.
    """
    if name in IN_THE_BOX:
        return ModelPlace(name, IN_THE_BOX[name])
    if name:
        for path in ([within / name] if within else []) + [Path(name).expanduser()]:
            if path.is_dir():
                return ModelPlace(str(path.resolve()), path.resolve())
    looks_like_path = (
        name.startswith((".", "/", "~")) or (os.sep == "\\" and "\\" in name) or name.count("/") > 1
    )
    if looks_like_path or not name or Path(name).is_file():
        boxed = f", or one of {', '.join(map(repr, IN_THE_BOX))}" if setting == "name" else ""
        raise ValueError(
            f"the model setting `{setting}` is {name!r}, but there is no such folder: give a "
            f"folder, or a Hub id{boxed}"
        )
    repo, _, own_revision = name.partition("@")
    return ModelPlace(repo, None, own_revision or revision, setting)
