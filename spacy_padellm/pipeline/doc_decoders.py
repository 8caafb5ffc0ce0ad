"""The decoders of a component: its own, and those of labels that Docs describe."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spacy.tokens import Doc

from ..architectures.protocol import DecodingShim
from ..decoding.text_decoder import ModelError
from ..prompts.preamble import Demonstration
from .doc_decoder import DocDecoder, DocOutcome, PreparedDocs
from .doc_labels import own_descriptions
from .example_set import show_examples
from .label_thresholds import check_own_threshold, warn_of_idle_thresholds
from .settings import Settings
from .untrained import UntrainedLabels

logger = logging.getLogger(__name__)
LONGEST_WINDOW = 512  # tokens, of a model that names none of its own
MOST_KEPT = 8  # decoders of a component, beside its own
IDLE = "%s: start_threshold has no effect, since %s writes mentions and does not point at them"
_MadeOf = tuple[Any, ...]  # model, calibration, bar for beginnings, labels, settings, examples
_Made = tuple[_MadeOf, DocDecoder]


class DocDecoders:
    """The DocDecoder of a component: made anew where its model, labels or settings have changed.
    Those of labels that Docs describe in other words are kept beside it, the `MOST_KEPT` that were
    used last. name: of the component; it and untrained are for warnings."""

    def __init__(self, name: str, shim: DecodingShim, untrained: UntrainedLabels) -> None:
        self._name = name
        self._shim = shim
        self._untrained = untrained
        self._own: _Made | None = None
        self._others: tuple[_Made, ...] = ()  # the one used last is the first

    def prepare(
        self,
        docs: Sequence[Doc],
        labels: Sequence[tuple[str, ...]],
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...] = (),
    ) -> PreparedDocs:
        """As `DocDecoder.prepare`. Docs that describe labels in other words than the component
        (described: its labels → descriptions) are asked in batches of their own. Raises ValueError
        for a Doc whose own threshold names labels that it is not asked for."""
        for doc, asked in zip(docs, labels, strict=True):
            if asked:
                check_own_threshold(doc, asked)
        groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for i, doc in enumerate(docs):
            words = own_descriptions(doc).items() if labels[i] else ()
            other = tuple(sorted(pair for pair in words if described.get(pair[0]) != pair[1]))
            groups.setdefault(other, []).append(i)
        parts = []
        for other, numbers in groups.items():
            described_so = {**described, **dict(other)}
            get = self._get_other if other else self.get
            decoder = get(described_so, settings, examples)
            parts.append(decoder.prepare([docs[i] for i in numbers], [labels[i] for i in numbers]))
        if len(parts) == 1:
            return parts[0]
        order = [i for numbers in groups.values() for i in numbers]

        def decode() -> list[DocOutcome]:
            found: list[DocOutcome] = []
            down: ModelError | None = None
            for part in parts:
                found += part.outcomes() if down is None else [down] * len(part.docs)
                down = next((e for e in found if isinstance(e, ModelError) and e.of_all), None)
            return [found[at] for at in sorted(range(len(order)), key=order.__getitem__)]

        return PreparedDocs(docs, decode)

    def get(
        self,
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...] = (),
    ) -> DocDecoder:
        """The component's own. described: label → description, "" where there is none. examples: to
        be shown. Raises what loading the model raises, and ValueError for settings that it cannot
        serve."""
        made_of = self._made_of(described, settings, examples)
        own = self._own  # other threads make theirs
        if own is None or own[0] != made_of:
            own = self._own = made_of, self._make(described, settings, examples)
        return own[1]

    def _get_other(
        self,
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...],
    ) -> DocDecoder:
        made_of = self._made_of(described, settings, examples)
        found = next((one for one in self._others if one[0] == made_of), None)
        if found is None:
            found = made_of, self._make(described, settings, examples)
        rest = [one for one in self._others if one[0] != made_of and one[0][0] == made_of[0]]
        self._others = (found, *rest[: MOST_KEPT - 1])
        return found[1]

    def _made_of(
        self,
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...],
    ) -> _MadeOf:
        loaded = self._shim.loaded
        said = loaded.settings
        asked = (tuple(described.items()), settings, examples)
        return id(loaded.lm), said.calibration, said.start_threshold, *asked

    def _make(
        self,
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...],
    ) -> DocDecoder:
        loaded = self._shim.loaded
        self._untrained.warn(described, loaded.settings)
        if described:
            warn_of_idle_thresholds(self._name, settings.threshold, described)
        descriptions = {label: text for label, text in described.items() if text}
        encoder = loaded.encoder(descriptions, settings.max_count)
        budget = settings.token_budget
        encoder = show_examples(self._name, encoder, examples, described, loaded, budget)
        decoding = settings.decoding
        if settings.start_threshold is not None and not getattr(loaded.lm, "points", False):
            logger.warning(IDLE, self._name, loaded.lm.name)
        if settings.start_threshold is None and loaded.settings.start_threshold is not None:
            decoding = replace(decoding, start_threshold=loaded.settings.start_threshold)
        return DocDecoder(
            self._shim.make_decoder(self._name, encoder, decoding),
            settings,
            settings.window or loaded.settings.window or LONGEST_WINDOW,
            loaded.settings.calibration,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the component makes its own."""
        return DocDecoders, (self._name, self._shim, self._untrained)
