"""The setting `examples`: texts with their mentions, shown to the model before each text."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..formats.example_records import read_examples
from ..meant import show_names
from ..models.files.schemas import Label, Open
from ..models.loaded_model import LoadedModel
from ..plurals import count, verb
from ..prompts.demonstrations import with_demonstrations
from ..prompts.encoding import PromptEncoder
from ..prompts.preamble import Demonstration
from .function_identity import identity_of

logger = logging.getLogger(__name__)
Examples = str | Path | list[dict[str, Any]] | Callable[[], Any] | None  # as configs have them


class SavedText(Open):
    text: str
    spans: list[tuple[int, int, Label]]
    labels: list[Label] | None = None


class SavedExamples(Open):
    """Of the component's `cfg`. source: the path that they were read from, or which function gave
    them; True for one of which that cannot be told."""

    source: str | bool
    texts: list[SavedText]


class ExampleSet:
    """Examples as the config gives them. Files are read when the examples are first needed; a saved
    pipeline has them with it. name: of the component, for messages. Raises ValueError for what is
    no list, path or function."""

    def __init__(self, name: str, configured: Examples = None) -> None:
        self._name = name
        self._configured = configured
        if configured is not None and not (
            callable(configured) or isinstance(configured, str | Path | list | tuple)
        ):
            raise ValueError(
                f"{name}: `examples` is {str(configured)[:60]!r}: give a list of examples, a path, "
                f"or null"
            )
        self._texts: tuple[Demonstration, ...] | None = None
        if not self._source:
            self._texts = self._read()

    @property
    def texts(self) -> tuple[Demonstration, ...]:
        """Raises ValueError, naming the setting, for what cannot be read."""
        if self._texts is None:
            self._texts = self._read()
        return self._texts

    def labels(self) -> dict[str, str]:
        """The labels that the examples have, without descriptions, in the order of the texts; none
        where they cannot be read, since spaCy asks before a saved pipeline has read its own."""
        try:
            return {label: "" for text in self.texts for _, _, label in text.spans}
        except ValueError:
            return {}

    def _read(self) -> tuple[Demonstration, ...]:
        if self._configured is None:
            return ()
        try:
            read = read_examples(self._configured)
        except (ValueError, OSError) as error:
            raise ValueError(f"{self._name}: `examples`: {error}") from error
        return tuple(Demonstration(one.text, one.spans, one.labels) for one in read)

    # --- to and from disk: what is not in the config itself

    @property
    def _source(self) -> str | bool:
        """The path, or the function; "" for what the config holds itself."""
        if callable(self._configured):
            identity = identity_of(self._configured)
            return f"function {identity}" if identity else True
        return str(self._configured) if isinstance(self._configured, str | Path) else ""

    def to_dict(self) -> dict[str, Any]:
        if not self._source:
            return {}
        texts = [{"text": t.text, "spans": t.spans, "labels": t.labels} for t in self.texts]
        return {"examples": {"source": self._source, "texts": texts}}

    def from_saved(self, saved: SavedExamples | None) -> None:
        """A config that was changed since saving wins over the saved examples. Where that cannot
        be told of a function, it wins if it can be read."""
        if saved is None:
            return
        same = saved.source == self._source
        if callable(self._configured) and saved.source is True:
            try:
                self._texts, same = self._read(), False
            except ValueError as error:
                same = True
                logger.warning("%s; those that were saved with the pipeline are shown", error)
        if same:
            self._texts = tuple(
                Demonstration(
                    one.text,
                    tuple(one.spans),
                    None if one.labels is None else tuple(one.labels),
                )
                for one in saved.texts
            )


def show_examples(
    name: str,
    encoder: PromptEncoder,
    texts: Sequence[Demonstration],
    described: Mapping[str, str],
    loaded: LoadedModel[Any],
    most_tokens: int,
) -> PromptEncoder:
    """The encoder with examples before every text.

    described: label → description; mentions of other labels are left out, with a warning, and a
    text that has none but such. Raises ValueError, naming the setting, for a model or a template
    that takes none, and for more than most_tokens of them.
    """
    if not texts:
        return encoder
    if getattr(loaded.lm, "points", False):
        raise ValueError(
            f"{name}: {loaded.lm.name} was trained to point at mentions and reads no `examples`, "
            f"which are for models that were not trained to find entities: set examples to null"
        )
    try:
        shown = with_demonstrations(encoder, _known(name, texts, described), tuple(described))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    preamble = shown.preamble
    if preamble is not None and len(preamble.ids) > most_tokens:
        n = len(preamble.lengths)
        raise ValueError(
            f"{name}: the {count(n, 'text')} of `examples` {verb(n, 'has', 'have')} "
            f"{len(preamble.ids):,} tokens, more than token_budget ({most_tokens:,}): the first "
            f"{preamble.fitting(most_tokens)} fit; give fewer, or raise token_budget"
        )
    return shown


def _known(
    name: str, texts: Sequence[Demonstration], described: Mapping[str, str]
) -> list[Demonstration]:
    unknown = {label for text in texts for _, _, label in text.spans} - described.keys()
    if unknown:
        warnings.warn(
            f"{name}: the examples have {show_names(sorted(unknown), described)}, which is none "
            f"of the labels {', '.join(map(repr, described))}, and is not shown: correct `labels` "
            f"or `examples`",
            UserWarning,
            stacklevel=3,
        )
    kept = []
    for text in texts:
        spans = tuple(span for span in text.spans if span[2] in described)
        if spans or not text.spans:
            kept.append(Demonstration(text.text, spans, text.labels))
    return kept
