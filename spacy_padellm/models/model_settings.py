"""The file `padellm.json` beside a model's weights: what the model was trained to be asked.

And what it was made of, whose licence goes with it.
"""

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
from .licence import MadeOf, find_made_of, made_of_before, write_notices
from .place import ModelPlace

logger = logging.getLogger(__name__)
SETTINGS_FILE = "padellm.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelSettings:
    """What a model was trained to be asked.

    template: None where nothing says so. calibration: of its probabilities, if it has one. window:
    tokens of the longest texts that it reads well, None if it was not measured; the component
    trains on windows of it, and keeps it. start_threshold: the probability above which a mention
    begins, of a model that points; None for a half. made_of: the pretrained model whose licence
    goes with the weights, None where nothing says so.
    """

    template: PromptTemplate | None = None
    labels: tuple[str, ...] = ()
    descriptions: dict[str, str] = field(default_factory=dict)
    max_count: int = 64
    calibration: Calibration | None = None
    window: int | None = None
    start_threshold: float | None = None
    made_of: MadeOf | None = None

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
        return replace(self, template=template, calibration=None, start_threshold=None)

    def write(self, folder: Path, base: Mapping[str, str | None] | None = None) -> None:
        """Beside weights, which are there by now, with the notice of a licence that asks for one.
        base: name and revision of the model that an adapter, or a reference, belongs to."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        saved = {"format": FORMAT_VERSION, "template": None, "made_of": None, **said}
        if base is not None:
            saved["base"] = base
        text = json.dumps(saved, indent=2, ensure_ascii=False)
        write_whole(folder / SETTINGS_FILE, text + "\n")
        if any(folder.glob("*.safetensors")):
            write_notices(folder, [self.made_of])


def read_settings(place: ModelPlace) -> ModelSettings | None:
    """None where the model has no such file, and nothing else says what it holds: a plain Hugging
    Face model.

    Raises ValueError naming the file for one that is broken, or written by a newer release.
    """
    if (saved := _read(place)) is None:
        template = place.named.template if place.named else None
        made_of = find_made_of(place, None)
        return ModelSettings(template, made_of=made_of) if template or made_of else None
    known = ModelSettings.__dataclass_fields__
    settings = ModelSettings(**{k: v for k, v in saved if k in known and v is not None})
    part = saved.made_of
    said = MadeOf(part.name, part.licence) if part else None
    if "made_of" not in saved.model_fields_set:
        said = made_of_before(place)
    made_of = find_made_of(place, said)
    return replace(settings, labels=tuple(settings.labels), made_of=made_of)


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
