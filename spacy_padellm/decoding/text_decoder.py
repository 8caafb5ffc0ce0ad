"""What decodes texts, wherever its model runs: what goes in, and what comes out."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..lm.locks import ForkLock
from ..lm.session import TextModel
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..prompts.plain_text import EncodedText
from ..spans.prediction import Prediction
from .settings import DecodingSettings

_adding = ForkLock()
Found = TypeVar("Found")


@dataclass(frozen=True)
class TextInput:
    """A text to annotate.

    starts, ends: characters at which a copied mention may start and end; anywhere if None.
    encoded: the text as the decoder's encoder encodes it, where that is known.
    labels: that this text is asked for, instead of those of all.
    """

    text: str
    starts: Collection[int] | None = None
    ends: Collection[int] | None = None
    encoded: EncodedText | None = None
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Batch:
    """Texts that are decoded together. indices: of the texts in what was asked."""

    indices: list[int]
    items: list[tuple[TextInput, TextPrompt]]


def ask_texts(
    encoder: PromptEncoder, texts: Sequence[TextInput | str], labels: Sequence[str]
) -> list[tuple[TextInput, TextPrompt]]:
    """The texts with their prompts. labels: of texts without labels of their own. Raises ValueError
    for a text without any."""
    if isinstance(labels, str):
        raise ValueError(f"labels: give a list, such as [{labels!r}], not a string")
    inputs = [TextInput(text) if isinstance(text, str) else text for text in texts]
    return [
        (
            text,
            encoder.prompt(
                text.encoded or text.text, labels if text.labels is None else text.labels
            ),
        )
        for text in inputs
    ]


def in_order(batches: Iterable[Batch], results: Iterable[list[Prediction]]) -> list[Prediction]:
    """The results of some batches in the order in which their texts came."""
    found: dict[int, Prediction] = {}
    for batch, predictions in zip(batches, results, strict=True):
        found.update(zip(batch.indices, predictions, strict=True))
    return [found[i] for i in range(len(found))]


@dataclass
class DecodingWork:
    """What a decoder has done so far.

    passes: forward passes. tokens: run, padding included. kept: tokens whose keys and values
    were kept at a time, padding included, summed over batches.
    """

    texts: int = 0
    batches: int = 0
    passes: int = 0
    tokens: int = 0
    kept: int = 0

    def add(self, done: "DecodingWork") -> None:
        """Several threads may add at once."""
        with _adding:
            for name, value in vars(done).items():
                setattr(self, name, getattr(self, name) + value)


class ModelError(OSError):
    """A model that cannot answer. of_all: whether all other texts would fare alike, as where no
    server is reached; they need not be tried."""

    of_all = False


def none_failed(found: Sequence[Found | ModelError]) -> list[Found]:
    """What was found. Raises the first ModelError."""
    good = []
    for one in found:
        if isinstance(one, ModelError):
            raise one
        good.append(one)
    return good


class TextDecoder(ABC):
    """Asks a model for labels of texts: in this process, on copies of it, or behind a server."""

    lm: TextModel
    encoder: PromptEncoder
    settings: DecodingSettings
    work: DecodingWork

    def predict(
        self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()
    ) -> list[Prediction]:
        """A prediction for each text, in the order given. Raises as `plan` and `decode`, and
        ModelError where a text has none."""
        return none_failed(self.decode(self.plan(texts, labels)))

    @abstractmethod
    def plan(self, texts: Sequence[TextInput | str], labels: Sequence[str] = ()) -> list[Batch]:
        """The batches of some texts, encoded. labels: of texts without labels of their own. Raises
        ValueError for a text without any, or beyond the model's positions."""

    @abstractmethod
    def decode(self, batches: Sequence[Batch]) -> Sequence[Prediction | ModelError]:
        """For each text that the batches were planned for, in the order given, a prediction or the
        error that kept it from one."""
