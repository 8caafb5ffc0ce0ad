"""Docs in, one prediction a Doc out: windows, decoding, places of mentions, windows merged.

Changes no Doc; `annotation.py` does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spacy.tokens import Doc

from ..architectures.protocol import DecodingShim
from ..decoding import DecodingWork, TextDecoder, TextInput
from ..prompts.encoding import PromptEncoder
from ..prompts.preamble import Demonstration
from ..spans.alignment import align_mentions
from ..spans.calibration import Calibration
from ..spans.prediction import Mention, Prediction
from ..spans.resolution import Dropped
from ..spans.windows import merge_windows
from .doc_labels import own_descriptions
from .doc_splitting import DocWindow, split_doc, tokens_left, window_input
from .example_set import show_examples
from .label_thresholds import check_own_threshold, warn_of_idle_thresholds
from .labels import warn_of_untrained
from .settings import Settings

LONGEST_WINDOW = 512  # tokens, of a model that names none of its own
LEAST_ROOM = 8  # tokens of a text
LEAST_BESIDE = 64  # the same, where examples take the rest
MOST_KEPT = 8  # decoders of a component, beside its own
_MadeOf = tuple[Any, ...]  # model, calibration, labels, settings, examples
_Made = tuple[_MadeOf, "DocDecoder"]


@dataclass
class DocPrediction:
    """What was decoded for a Doc. All offsets are characters of the Doc's text.

    dropped: mentions that gave way to those of another window. unplaced: generated strings that
    are not in the text, or more often than they occur in it.
    """

    prediction: Prediction = field(default_factory=Prediction)
    dropped: list[Dropped] = field(default_factory=list)
    unplaced: list[Mention] = field(default_factory=list)


@dataclass(frozen=True)
class PreparedDocs:
    """Docs on their way to the model. run: what is left to do; None where all are blank."""

    docs: Sequence[Doc]
    run: Callable[[], list[DocPrediction]] | None = None

    def decode(self) -> list[DocPrediction]:
        return self.run() if self.run else [DocPrediction() for _ in self.docs]


@dataclass(frozen=True)
class DocDecoder:
    """Decodes Docs.

    window: tokens of the language model. calibration: of the probabilities of mentions.

    Raises ValueError for a setting `overlap` that is not below the window.
    """

    decoder: TextDecoder
    settings: Settings
    window: int
    calibration: Calibration | None

    def __post_init__(self) -> None:
        overlap = self.settings.overlap
        if overlap is not None and overlap >= self.window:
            raise ValueError(
                f"overlap is {overlap}, and the windows of {self.decoder.lm.name} have "
                f"{self.window} tokens: set overlap to null (an eighth of it), or set window"
            )

    @property
    def encoder(self) -> PromptEncoder:
        return self.decoder.encoder

    @property
    def work(self) -> DecodingWork:
        """What it has taken so far: passes and tokens of the model, of all its copies."""
        return replace(self.decoder.work)

    def prepare(self, docs: Sequence[Doc], labels: Sequence[tuple[str, ...]]) -> PreparedDocs:
        """All that is done before the model runs: windows, prompts, batches. All windows of all
        Docs are decoded together, the longest first. labels: of each Doc, () to ask nothing."""
        sizes = {asked: self.window_size(asked) for asked in {*labels} if asked}
        windows = [
            self._windows(doc, sizes[of_doc]) if of_doc else []
            for doc, of_doc in zip(docs, labels, strict=True)
        ]
        on_tokens = self.settings.alignment_mode == "strict"
        asked: list[tuple[int, int]] = []
        inputs = []
        for d, (doc, parts) in enumerate(zip(docs, windows, strict=True)):
            for w, part in enumerate(parts):
                if part.text.strip():
                    asked.append((d, w))
                    inputs.append(window_input(doc, part, on_tokens, labels[d]))
        batches = self.decoder.plan(inputs) if inputs else []

        def decode() -> list[DocPrediction]:
            placed: list[list[_PlacedWindow]] = [[] for _ in docs]
            decoded = self.decoder.decode(batches)
            for (d, w), text_input, prediction in zip(asked, inputs, decoded, strict=True):
                placed[d].append(self._place(windows[d][w], text_input, prediction))
            return [_join(doc.text, of_doc) for doc, of_doc in zip(docs, placed, strict=True)]

        return PreparedDocs(docs, decode)

    def _windows(self, doc: Doc, size: int) -> list[DocWindow]:
        return split_doc(doc, self.encoder, size, self._overlap(size))

    def window_size(self, labels: tuple[str, ...]) -> int:
        """Tokens of the language model that a window may have. Raises ValueError for none."""
        room = tokens_left(self.decoder, labels)
        preamble = self.encoder.preamble
        least = min(self.window, LEAST_BESIDE) if preamble else LEAST_ROOM
        if room is None or room >= least:
            return self.window if room is None else min(self.window, room)
        takes = f"{self.decoder.lm.name} takes {self.decoder.lm.max_positions} tokens, and"
        if preamble:
            fit = preamble.fitting(room + len(preamble.ids) - least)
            raise ValueError(
                f"{takes} the {len(preamble.lengths)} texts of `examples` ({len(preamble.ids)} "
                f"tokens) leave {max(room, 0)} to the text: the first {fit} leave {least} or more; "
                f"give fewer, or shorter ones"
            )
        raise ValueError(
            f"{takes} label, description and answer leave {max(room, 0)} to the text: shorten the "
            f"descriptions in `labels`, or lower `max_mention_tokens`"
        )

    def _overlap(self, size: int) -> int:
        """Tokens that a window repeats of the one before; an eighth where the settings name none,
        or labels leave less room than `window`."""
        overlap = self.settings.overlap
        return size // 8 if overlap is None or size < self.window else overlap

    def _place(self, part: DocWindow, asked: TextInput, prediction: Prediction) -> "_PlacedWindow":
        if self.calibration is not None:
            prediction = self.calibration.apply(prediction)
        # In flat schemes, repeats are not looked for inside longer mentions.
        edges = (asked.starts, asked.ends) if self.decoder.settings.copy else (None, None)
        flat = self.settings.is_flat
        found, left = align_mentions(part.text, prediction.mentions, flat, *edges)
        return _PlacedWindow(part, replace(prediction, mentions=found), left)


class DocDecoders:
    """The DocDecoder of a component: made anew where its model, labels or settings have changed.
    Those of labels that Docs describe in other words are kept beside it, the `MOST_KEPT` that were
    used last. name: of the component, for warnings."""

    def __init__(self, name: str, shim: DecodingShim) -> None:
        self._name = name
        self._shim = shim
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

        def decode() -> list[DocPrediction]:
            found = [prediction for part in parts for prediction in part.decode()]
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
        calibration = loaded.settings.calibration
        return id(loaded.lm), calibration, tuple(described.items()), settings, examples

    def _make(
        self,
        described: Mapping[str, str],
        settings: Settings,
        examples: tuple[Demonstration, ...],
    ) -> DocDecoder:
        loaded = self._shim.loaded
        warn_of_untrained(self._name, described, loaded.settings)
        if described:
            warn_of_idle_thresholds(self._name, settings.threshold, described)
        descriptions = {label: text for label, text in described.items() if text}
        encoder = loaded.encoder(descriptions, settings.max_count)
        budget = settings.token_budget
        encoder = show_examples(self._name, encoder, examples, described, loaded, budget)
        return DocDecoder(
            self._shim.make_decoder(self._name, encoder, settings.decoding),
            settings,
            settings.window or loaded.settings.window or LONGEST_WINDOW,
            loaded.settings.calibration,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of the component makes its own."""
        return DocDecoders, (self._name, self._shim)


@dataclass(frozen=True)
class _PlacedWindow:
    """A window with its prediction, all mentions placed, and mentions without a place."""

    part: DocWindow
    prediction: Prediction
    left: list[Mention]


def _join(text: str, windows: Sequence[_PlacedWindow]) -> DocPrediction:
    unplaced = [replace(m, start=None, end=None) for window in windows for m in window.left]
    if not windows:
        return DocPrediction()
    if len(windows) == 1 and windows[0].part.text == text:
        return DocPrediction(windows[0].prediction, [], unplaced)
    spans = [(window.part.start, window.part.end) for window in windows]
    merged, dropped = merge_windows(text, spans, [window.prediction for window in windows])
    return DocPrediction(merged, dropped, unplaced)
