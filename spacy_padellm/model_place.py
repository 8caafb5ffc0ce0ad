"""Where a model's files are: a folder, the model in the box, or a Hub id."""

import os
from dataclasses import dataclass
from pathlib import Path

IN_THE_BOX = {"english": Path(__file__).parent / "models" / "english"}


@dataclass(frozen=True)
class ModelPlace:
    """folder: absolute; None for a Hub id. name: the Hub id, the name of a model in the box, or
    the folder: what a reference to this model must say. revision: of a Hub id."""

    name: str
    folder: Path | None
    revision: str | None = None

    @property
    def source(self) -> str:
        """What `from_pretrained` takes."""
        return self.name if self.folder is None else str(self.folder)

    @property
    def described(self) -> str:
        return f"the folder {self.folder}" if self.folder else f"the Hub model {self.name!r}"

    def file(self, name: str) -> Path | None:
        """A file of the model, fetched from the Hub if need be; None where there is none."""
        if self.folder is not None:
            path = self.folder / name
            return path if path.is_file() else None
        return _hub_file(self.name, name, self.revision)


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
    return ModelPlace(repo, None, own_revision or revision)


def _hub_file(repo: str, name: str, revision: str | None) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repo, name, revision=revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None  # not there, or no network: loading the model itself says which
