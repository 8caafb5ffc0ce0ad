"""What the component asks of the model that it wraps, in this process or behind a server."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from thinc.api import Model
from thinc.shims import Shim

from ..decoding import DecodingSettings, TextDecoder
from ..learning.examples import TrainingText
from ..models.licence import MadeOf
from ..models.loaded_model import LoadedModel
from ..prompts.encoding import PromptEncoder


class DecodingShim(Shim, ABC):
    """Decodes, and is saved and loaded with its component.

    has_accelerator: whether the model runs elsewhere while this process goes on."""

    @property
    @abstractmethod
    def loaded(self) -> LoadedModel: ...

    @property
    @abstractmethod
    def has_accelerator(self) -> bool: ...

    @property
    def made_of(self) -> MadeOf | None:
        """What the weights that it saves were made of, where that is known; reads them."""
        return None

    @abstractmethod
    def known_labels(self) -> dict[str, str]:
        """Label → description, without reading weights."""

    @abstractmethod
    def prepare(self) -> None:
        """Readies the model for decoding."""

    @abstractmethod
    def make_decoder(
        self, name: str, encoder: PromptEncoder, settings: DecodingSettings
    ) -> TextDecoder:
        """name: of the component, for warnings. Raises ValueError for settings or a template that
        the model cannot serve."""

    @abstractmethod
    def initialize(
        self, texts: Callable[[], Iterable[str]], labels: Mapping[str, str], renamed: bool = False
    ) -> None:
        """Readies the model for training on these labels, where it can be trained. renamed: they
        have other names in training, so that the model is to know them by what they are called."""

    @abstractmethod
    def own(self) -> "DecodingShim":
        """The model itself. Raises ValueError for one behind a server."""

    @abstractmethod
    def add_gradients(
        self,
        texts: Sequence[TrainingText],
        token_budget: int,
        text_loss: float,
        drop: float,
    ) -> float:
        """As `Updates.add_gradients`. Raises ValueError for a model that cannot be trained."""

    @abstractmethod
    def save(self, folder: Path, save_mode: str, labels: Mapping[str, str]) -> str:
        """Writes the model with its labels; returns the mode used, "full" or "reference"."""

    @abstractmethod
    def read(self, folder: Path, full: bool) -> None:
        """Reads what `save` wrote."""


def shim_of(model: Model) -> DecodingShim:
    """The model behind a thinc model. Raises ValueError for a model that is not one of this
    package."""
    for shim in model.shims:
        if isinstance(shim, DecodingShim):
            return shim
    raise ValueError(
        f"the component's model is {model.name!r}: set @architectures to "
        f'"spacy_padellm.CausalLM.v1", "spacy_padellm.CausalLMFromScratch.v1" or '
        f'"spacy_padellm.Server.v1"'
    )
