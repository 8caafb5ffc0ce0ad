"""What a run is of: its settings, its model and its input, kept beside its parts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacy import util

from ...atomic import holds_anything, write_whole
from ...formats.json_text import read_json
from ...models.place import IN_THE_BOX
from .ledger import Ledger, mark
from .sources import STDIN

PLAN = "annotate.json"


@dataclass(frozen=True)
class Job:
    """What a run is of; a folder of parts belongs to one job."""

    files: tuple[str, ...]
    pipeline: str
    labels: str
    file_format: str
    part_size: int
    text_field: str = "text"

    @classmethod
    def of(cls, files: Sequence[str], pipeline: str, *settings: Any) -> "Job":
        """With absolute paths, which mean the same on every machine that sees them."""
        found = str(Path(pipeline).resolve()) if Path(pipeline).exists() else pipeline
        whole = tuple(file if file == STDIN else str(Path(file).resolve()) for file in files)
        return cls(whole, found, *settings)

    def __post_init__(self) -> None:
        if self.part_size < 1:
            raise ValueError(f"the part size is {self.part_size}: it must be at least 1")
        if STDIN in self.files and len(self.files) > 1:
            raise ValueError("standard input (-) is read alone, without files beside it")

    def check(self, folder: Path) -> None:
        """Raises ValueError for an output that is a file, or a folder of something else."""
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file: name a folder for the output")
        if not (folder / PLAN).exists() and holds_anything(folder):
            raise ValueError(f"{folder} is not empty, and none of this command's: name another")

    def open(self, folder: Path) -> Ledger:
        """Writes the job into a new folder, or finds it there; gives the ledger of its input.

        Raises ValueError for a folder that holds parts of another job (other settings, input or
        model) or anything else, and for standard input, which cannot be read again.
        """
        self.check(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / PLAN
        if path.exists():
            known = _read_plan(path)
            if changed := sorted(k for k, v in self._to_dict().items() if known.get(k) != v):
                raise ValueError(
                    f"{folder} was begun with other settings ({', '.join(changed)}): give the same "
                    f"command, or another folder"
                )
        else:
            write_whole(path, json.dumps(self._to_dict(), indent=1) + "\n")
        ledger = Ledger(folder, self.files, self.file_format, self.part_size, self.text_field)
        ledger.open()
        return ledger

    def _to_dict(self) -> dict[str, Any]:
        settings = {name: value for name, value in asdict(self).items() if name != "files"}
        return {**settings, "model": _mark_model(self.pipeline)}


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        known = read_json(path.read_bytes())
        if not isinstance(known, dict):
            raise ValueError("no object")
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}), so that nothing says how the parts beside it were made: "
            f"name another folder"
        ) from None
    return known


def _mark_model(pipeline: str) -> list[Any] | str | None:
    """What changes with the model: its files, or the snapshot of a Hub id; None if unknown."""
    if util.is_package(pipeline):
        folder: Path | None = util.get_package_path(pipeline)
    else:
        folder = IN_THE_BOX.get(pipeline, Path(pipeline))
    if folder is not None and folder.is_dir():
        return [mark(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    repo, _, revision = pipeline.partition("@")
    try:
        cached = try_to_load_from_cache(repo, "config.json", revision=revision or None)
    except HFValidationError:
        return None
    return Path(cached).parent.name if isinstance(cached, str) else None
