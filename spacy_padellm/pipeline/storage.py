"""The component on disk and in bytes: `cfg` with its labels, and the model's own folder `model`.

Settings are not in it: they are in the pipeline's config, where a user may change them at load.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.pipeline.trainable_pipe import TrainablePipe

from ..architectures.causal_lm import own_shim_of
from ..architectures.config_values import write_value
from ..architectures.protocol import DecodingShim
from ..architectures.shim import CausalLMShim
from ..models.files.json_file import parse_checked, read_checked
from ..models.files.schemas import SavedComponent
from .labels import LabelSet
from .settings import Settings


class StoredPipe(TrainablePipe):
    """A trainable pipe whose weights are safetensors in a folder, not thinc bytes."""

    shim: DecodingShim
    label_set: LabelSet
    settings: Settings

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises AttributeError for a setting: as an attribute it would change nothing."""
        if name in (*Settings.__dataclass_fields__, "labels"):
            given = [list(pair) for pair in value.items()] if isinstance(value, dict) else value
            config = (
                f"config={{'components': {{'{self.name}': {{'{name}': {write_value(given)!r}}}}}}}"
            )
            add = "; pipe.add_label adds one" if name == "labels" else ""
            raise AttributeError(
                f"{name} is a setting, kept in the pipeline's config: load with "
                f"spacy.load(..., {config}), or give it to nlp.add_pipe{add}"
            )
        super().__setattr__(name, value)

    @property
    def own_shim(self) -> CausalLMShim:
        """The model where its weights are here. Raises ValueError for one behind a server."""
        return own_shim_of(self.model)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Writes labels to `cfg` and the model to the folder `model` (see `save_mode`)."""
        folder = Path(path)
        described = self.label_set.known(self.shim.known_labels())

        def save_model(place: Path) -> None:
            mode = self.shim.save(place, self.settings.save_mode, described)
            self.cfg["save_mode"] = mode

        serialize = {
            "vocab": lambda place: self.vocab.to_disk(place, exclude=exclude),
            "model": save_model,
            "cfg": lambda place: srsly.write_json(place, self._saved_cfg()),
        }
        util.to_disk(folder, serialize, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "StoredPipe":
        """Reads what `to_disk` wrote; the folder may have moved."""
        deserialize = {
            "cfg": lambda place: self._read_cfg(read_checked(place, SavedComponent)),
            "vocab": lambda place: self.vocab.from_disk(place, exclude=exclude),
            "model": lambda place: self.shim.read(place, self.cfg.get("save_mode") == "full"),
        }
        util.from_disk(Path(path), deserialize, exclude)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Labels and a full copy of the model. Raises ValueError for a model too large for it."""
        serialize = {
            "cfg": lambda: srsly.json_dumps(self._saved_cfg()),
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": self.shim.to_bytes,
        }
        return util.to_bytes(serialize, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "StoredPipe":
        deserialize: dict[str, Callable[[bytes], Any]] = {
            "cfg": lambda data: self._read_cfg(parse_checked(data, SavedComponent, "cfg")),
            "vocab": lambda data: self.vocab.from_bytes(data, exclude=exclude),
            "model": self.shim.from_bytes,
        }
        util.from_bytes(bytes_data, deserialize, exclude)
        return self

    def _saved_cfg(self) -> dict[str, Any]:
        return {**self.cfg, **self.label_set.to_dict(self.shim.known_labels())}

    def _read_cfg(self, saved: SavedComponent) -> None:
        kept = saved.model_dump()
        self.cfg = {k: v for k, v in kept.items() if k not in ("labels", "configured")}
        self.label_set.from_dict(kept)
