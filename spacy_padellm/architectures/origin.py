"""Where the component's model comes from: a pretrained one, or one made from scratch.

Made from the config alone, without touching weights; a saved pipeline never asks for them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..models.decodable import load_decodable
from ..models.hardware import Hardware
from ..models.loaded_model import LoadedModel, ModelSource
from ..models.model_settings import read_settings
from ..models.new_model import NewModel
from ..models.place import find_place
from ..prompts.template import PromptTemplate

Texts = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Pretrained:
    """A folder, a GGUF file, a name or a Hub id, with its adapter. template: used instead of the
    one saved with the model."""

    source: ModelSource
    template: PromptTemplate | None = None

    @property
    def hardware(self) -> Hardware:
        return self.source.hardware

    def load(self) -> LoadedModel[Any]:
        """As `load_decodable`. Raises ValueError where there is no name, or the model cannot be
        read."""
        if not self.source.name:
            raise ValueError(
                "the model setting `name` is null: name a folder or a Hub id, in the configs of "
                "this package by --paths.base"
            )
        return load_decodable(self.source, self.template)

    def known_labels(self) -> dict[str, str]:
        """Label → description, as far as a local folder tells without loading weights."""
        for name in (self.source.adapter, self.source.name):
            if name and (found := _saved_labels(name)):
                return found
        return {}


class FromScratch(NewModel):
    """A model that `initialize` makes."""

    def load(self) -> LoadedModel[Any]:
        raise ValueError(
            "this model is made from scratch and does not exist yet: call nlp.initialize() "
            "with examples (spacy train does), or load a trained pipeline"
        )

    def known_labels(self) -> dict[str, str]:
        return {}


Origin = Pretrained | FromScratch


def _saved_labels(name: str) -> dict[str, str]:
    try:
        place = find_place(name, "name")
        settings = read_settings(place) if place.folder else None
    except ValueError:  # loading the model itself reports it
        return {}
    return settings.described if settings else {}
