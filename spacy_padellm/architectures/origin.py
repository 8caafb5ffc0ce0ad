"""Where the component's model comes from: a pretrained one, or one made from scratch.

Made from the config alone, without touching weights; a saved pipeline never asks for them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..lm.language_model import LanguageModel
from ..models.hardware import Hardware, find_dtype
from ..models.load import load_model, ready
from ..models.loaded_model import LoadedModel, ModelSource
from ..models.make import create_model, train_tokenizer
from ..models.model_settings import ModelSettings, read_settings
from ..models.place import IN_THE_BOX, find_place
from ..prompts.template import COMPACT, PromptTemplate
from ..spans.numeric import check_number, check_types

Texts = Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Pretrained:
    """A folder, a Hub id or a model in the box, with its adapter. template: used instead of the one
    saved with the model."""

    source: ModelSource
    template: PromptTemplate | None = None

    @property
    def hardware(self) -> Hardware:
        return self.source.hardware

    @property
    def in_the_box(self) -> bool:
        return self.source.name in IN_THE_BOX

    def load(self) -> LoadedModel[LanguageModel]:
        """Raises ValueError where there is no name, or the model cannot be read."""
        if not self.source.name:
            raise ValueError(
                "the model setting `name` is null: name a folder or a Hub id, in the configs of "
                "this package by --paths.base"
            )
        return load_model(self.source, self.template)

    def known_labels(self) -> dict[str, str]:
        """Label → description, as far as a local folder tells without loading weights."""
        for name in (self.source.adapter, self.source.name):
            if name and (found := _saved_labels(name)):
                return found
        return {}


@dataclass(frozen=True)
class FromScratch:
    """An architecture with its sizes; tokenizer and weights are made by `initialize`.

    vocab_size: tokens of the tokenizer, those of the template included.
    max_count: the highest count that the template has a token for.

    Raises ValueError for a setting of another type.
    """

    architecture: str = "llama"
    sizes: Mapping[str, Any] = field(default_factory=dict)
    vocab_size: int = 2048
    template: PromptTemplate = COMPACT
    max_count: int = 32
    hardware: Hardware = field(default_factory=Hardware)

    in_the_box = False

    def __post_init__(self) -> None:
        check_types(self, "the model setting `{}`")
        check_number("the model setting `vocab_size`", self.vocab_size, least=1, whole=True)
        check_number("the model setting `max_count`", self.max_count, least=1, whole=True)

    def load(self) -> LoadedModel[LanguageModel]:
        raise ValueError(
            "this model is made from scratch and does not exist yet: call nlp.initialize() "
            "with examples (spacy train does), or load a trained pipeline"
        )

    def known_labels(self) -> dict[str, str]:
        return {}

    def create(self, texts: Iterable[str], labels: Mapping[str, str]) -> LoadedModel[LanguageModel]:
        """A new model with random weights, its tokenizer trained on `texts`."""
        device = self.hardware.find_first()
        dtype = find_dtype(self.hardware.dtype, device)
        tokenizer = train_tokenizer(
            texts, self.vocab_size, tuple(labels), self.template, self.max_count
        )
        model = create_model(tokenizer, self.architecture, **self.sizes)
        if dtype != "auto":
            model.to(dtype)
        model.to(device).eval()
        name = f"{self.architecture} from scratch"
        return LoadedModel(
            ready(LanguageModel(model, tokenizer, name), self.hardware),
            ModelSettings(self.template, max_count=self.max_count).for_labels(labels),
            ModelSource("", hardware=self.hardware),
        )


Origin = Pretrained | FromScratch


def _saved_labels(name: str) -> dict[str, str]:
    try:
        place = find_place(name, "name")
        settings = read_settings(place) if place.folder else None
    except ValueError:  # loading the model itself reports it
        return {}
    return settings.described if settings else {}
