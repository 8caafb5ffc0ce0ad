"""A causal LM that does not exist yet, described; `make` makes it, with torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..prompts.template import COMPACT, PromptTemplate
from ..spans.numeric import check_number, check_types
from .hardware import Hardware
from .loaded_model import LoadedModel
from .model_settings import ModelSettings

if TYPE_CHECKING:  # an exported model runs without
    from transformers import PreTrainedTokenizerFast

    from ..lm.language_model import LanguageModel


@dataclass(frozen=True)
class NewModel:
    """An architecture with its sizes.

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

    def __post_init__(self) -> None:
        check_types(self, "the model setting `{}`")
        check_number("the model setting `vocab_size`", self.vocab_size, least=1, whole=True)
        check_number("the model setting `max_count`", self.max_count, least=1, whole=True)

    def train_tokenizer(
        self, texts: Iterable[str], labels: Iterable[str]
    ) -> "PreTrainedTokenizerFast":
        """As `make.train_tokenizer`."""
        from .make import train_tokenizer

        return train_tokenizer(texts, self.vocab_size, tuple(labels), self.template, self.max_count)

    def make(
        self, tokenizer: "PreTrainedTokenizerFast", labels: Mapping[str, str]
    ) -> "LoadedModel[LanguageModel]":
        """With random weights, for labels → descriptions. Raises ValueError as
        `make.create_model`."""
        from .make import make_model

        settings = ModelSettings(self.template, max_count=self.max_count).for_labels(labels)
        return make_model(self.architecture, self.sizes, tokenizer, settings, self.hardware)
