"""What a run is of: its settings, its model and its input, kept beside its parts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacy import util

from ...atomic import check_owner, claim
from ...models.place import find_place
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

    def open(self, folder: Path) -> Ledger:
        """Writes the job into a new folder, or finds it there; gives the ledger of its input.
        Raises ValueError for a folder that holds parts of another job (other settings, input or
        model) or anything else, and for standard input, which cannot be read again."""
        check_owner(folder, PLAN)
        claim(folder, self._to_dict(), PLAN)
        ledger = Ledger(folder, self.files, self.file_format, self.part_size, self.text_field)
        ledger.open()
        return ledger

    def _to_dict(self) -> dict[str, Any]:
        settings = {name: value for name, value in asdict(self).items() if name != "files"}
        return {**settings, "model": _mark_model(self.pipeline)}


def _mark_model(pipeline: str) -> list[Any] | str | None:
    """What changes with the model: its files, or the snapshot of a Hub id; None if unknown."""
    if util.is_package(pipeline):
        folder: Path | None = util.get_package_path(pipeline)
    else:
        try:
            place = find_place(pipeline, "name")
        except ValueError:  # loading the model itself reports it
            return None
        if place.named is not None and not place.named.is_ready:
            return [mark(path) for path in place.named.files if path.is_file()]
        folder = place.folder or Path(pipeline)
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
