"""The file `padellm.json` beside a model's weights: what the model was trained to be asked."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..atomic import write_whole
from ..prompts.template import PromptTemplate
from ..spans.calibration import Calibration
from .files.json_file import read_checked
from .files.schemas import BasePart, FormatOnly, SettingsFile
from .place import ModelPlace

logger = logging.getLogger(__name__)
SETTINGS_FILE = "padellm.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelSettings:
    """What a model was trained to be asked.

    template: None where nothing says so. calibration: of its probabilities, if it has one. window:
    tokens of the longest texts that it reads well, None if it was not measured; the component
    trains on windows of it, and keeps it.
    """

    template: PromptTemplate | None = None
    labels: tuple[str, ...] = ()
    descriptions: dict[str, str] = field(default_factory=dict)
    max_count: int = 64
    calibration: Calibration | None = None
    window: int | None = None

    @property
    def described(self) -> dict[str, str]:
        """Label → description, "" for none."""
        return {label: self.descriptions.get(label, "") for label in self.labels}

    def for_labels(self, described: Mapping[str, str]) -> "ModelSettings":
        """With these labels → descriptions, "" for none."""
        descriptions = {label: text for label, text in described.items() if text}
        return replace(self, labels=tuple(described), descriptions=descriptions)

    def asking(self, template: PromptTemplate | None, name: str = "") -> "ModelSettings":
        """With another template, if one is given, for which the model was not calibrated. name: of
        the model, for a warning that it has not seen the template."""
        if template is None or template == self.template:
            return self
        if self.template is not None and name:
            logger.warning(
                "the model %r was trained with the template %r, and is asked with %r, which it has "
                "not seen: leave model.template out, or train it",
                name,
                self.template.name,
                template.name,
            )
        return replace(self, template=template, calibration=None)

    def write(self, folder: Path, base: Mapping[str, str | None] | None = None) -> None:
        """base: name and revision of the model that an adapter, or a reference, belongs to."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        saved = {"format": FORMAT_VERSION, "template": None, **said}
        if base is not None:
            saved["base"] = base
        text = json.dumps(saved, indent=2, ensure_ascii=False)
        write_whole(folder / SETTINGS_FILE, text + "\n")


def read_settings(place: ModelPlace) -> ModelSettings | None:
    """None where the model has no such file: a plain Hugging Face model.

    Raises ValueError naming the file for one that is broken, or written by a newer release.
    """
    if (saved := _read(place)) is None:
        template = place.named.template if place.named else None
        return ModelSettings(template) if template else None
    known = ModelSettings.__dataclass_fields__
    settings = ModelSettings(**{k: v for k, v in saved if k in known and v is not None})
    return replace(settings, labels=tuple(settings.labels))


def read_base(place: ModelPlace) -> BasePart | None:
    """What an adapter, or a reference, belongs to. Raises as `read_settings`."""
    saved = _read(place)
    return saved.base if saved else None


def _read(place: ModelPlace) -> SettingsFile | None:
    path = place.file(SETTINGS_FILE)
    if path is None:
        return None
    if (written := read_checked(path, FormatOnly).format) > FORMAT_VERSION:
        raise ValueError(f"{path} was written by a newer spacy-padellm (format {written}): upgrade")
    return read_checked(path, SettingsFile)
