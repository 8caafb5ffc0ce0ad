"""A model with what it was trained to be asked and where it comes from, here or behind a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from ..lm.session import TextModel
from ..prompts.encoding import PromptEncoder
from ..prompts.template import PLAIN, PromptTemplate
from ..spans.numeric import check_types
from .files.schemas import check_labels
from .hardware import Hardware
from .model_settings import ModelSettings

Lm = TypeVar("Lm", bound=TextModel)


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from.

    name: a folder, a GGUF file, a Hub id, or the name of a model in an installed package. adapter:
    folder, name or Hub id of a peft adapter. revision: of a Hub id; an adapter's is written behind
    its id, "id@revision".

    Raises ValueError for a setting of another type.
    """

    name: str
    adapter: str | None = None
    revision: str | None = None
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        check_types(self, "the model setting `{}`")


@dataclass(frozen=True)
class LoadedModel(Generic[Lm]):
    """lm: a `LanguageModel`, or a model behind a server. source: where its base is, and its adapter
    if it came with one: absolute folders or a GGUF file, Hub ids or names. new_tokens: ids that
    were added to it since it was loaded (`special_tokens`). only_here: whether its weights are in
    no other place (made or trained here, or read from a full copy)."""

    lm: Lm
    settings: ModelSettings
    source: ModelSource = field(default_factory=lambda: ModelSource(""))
    new_tokens: tuple[int, ...] = ()
    only_here: bool = False

    @property
    def template(self) -> PromptTemplate:
        """What it was trained on; "plain" where nothing says so."""
        return self.settings.template or PLAIN

    def having(self, **settings: Any) -> "LoadedModel[Lm]":
        """The same model with other `ModelSettings`."""
        return replace(self, settings=replace(self.settings, **settings))

    def for_labels(self, described: Mapping[str, str]) -> "LoadedModel[Lm]":
        """The same model with these labels → descriptions, "" for none."""
        return replace(self, settings=self.settings.for_labels(described))

    def asking(self, template: PromptTemplate) -> "LoadedModel[Lm]":
        """The same model under another template, for which it was not calibrated."""
        if template == self.template:
            return self
        return replace(self, settings=self.settings.asking(template))

    def to_train(self, labels: tuple[str, ...]) -> "LoadedModel[Lm]":
        """The same model for these labels, without what training on whole texts makes untrue.
        Raises ValueError for labels that could not be saved with it."""
        check_labels(labels)
        return self.having(labels=labels, calibration=None, window=None, start_threshold=None)

    def encoder(
        self, descriptions: Mapping[str, str] | None = None, max_count: int | None = None
    ) -> PromptEncoder:
        """max_count: instead of the model's own. Raises ValueError where the model has no tokens
        for counts so high."""
        merged = {**self.settings.descriptions, **(descriptions or {})}
        most = max_count or self.settings.max_count
        if most > self.settings.max_count and self.template.markers == "special":
            raise ValueError(
                f"max_count is {most}, but {self.lm.name} has tokens for counts up to "
                f"{self.settings.max_count} only: lower it"
            )
        return PromptEncoder(self.lm.tokenizer, self.template, merged, most)
