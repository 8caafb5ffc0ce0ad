"""Docs in, one prediction a Doc out: windows, decoding, places of mentions, windows merged.

Changes no Doc; `annotation.py` does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Doc

from ..decoding import DecodingWork, TextDecoder, TextInput
from ..decoding.text_decoder import ModelError, none_failed
from ..plurals import count, verb
from ..prompts.encoding import PromptEncoder
from ..spans.alignment import align_mentions
from ..spans.calibration import Calibration
from ..spans.prediction import Mention, Prediction
from ..spans.resolution import Dropped
from ..spans.windows import merge_windows
from .doc_splitting import DocWindow, split_doc, tokens_left, window_input
from .settings import Settings
from .unspaced import warn_of_phrases

LEAST_ROOM = 8  # tokens of a text
LEAST_BESIDE = 64  # the same, where examples take the rest


@dataclass
class DocPrediction:
    """What was decoded for a Doc. All offsets are characters of the Doc's text.

    dropped: mentions that gave way to those of another window. unplaced: generated strings that
    are not in the text, or more often than they occur in it.
    """

    prediction: Prediction = field(default_factory=Prediction)
    dropped: list[Dropped] = field(default_factory=list)
    unplaced: list[Mention] = field(default_factory=list)


DocOutcome = DocPrediction | ModelError


@dataclass(frozen=True)
class PreparedDocs:
    """Docs on their way to the model. run: what is left to do; None where all are blank. by: what
    decodes them; None where that is nothing, or several."""

    docs: Sequence[Doc]
    run: Callable[[], list[DocOutcome]] | None = None
    by: "DocDecoder | None" = None

    def outcomes(self) -> list[DocOutcome]:
        """For each Doc its prediction, or the error that kept it from one."""
        return self.run() if self.run else [DocPrediction() for _ in self.docs]

    def decode(self) -> list[DocPrediction]:
        """Raises ModelError where a Doc has no prediction."""
        return none_failed(self.outcomes())


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
            if on_tokens and parts:
                warn_of_phrases(doc)
            for w, part in enumerate(parts):
                if part.text.strip():
                    asked.append((d, w))
                    inputs.append(window_input(doc, part, on_tokens, labels[d]))
        batches = self.decoder.plan(inputs) if inputs else []

        def decode() -> list[DocOutcome]:
            placed: list[list[_PlacedWindow]] = [[] for _ in docs]
            failed: dict[int, ModelError] = {}
            decoded = self.decoder.decode(batches)
            for (d, w), text_input, found in zip(asked, inputs, decoded, strict=True):
                if isinstance(found, ModelError):
                    failed.setdefault(d, found)
                else:
                    placed[d].append(self._place(windows[d][w], text_input, found))
            return [
                failed[d] if d in failed else _join(doc.text, placed[d])
                for d, doc in enumerate(docs)
            ]

        return PreparedDocs(docs, decode, self)

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
            n = len(preamble.lengths)
            fit = preamble.fitting(room + len(preamble.ids) - least)
            raise ValueError(
                f"{takes} the {count(n, 'text')} of `examples` ({len(preamble.ids):,} tokens) "
                f"{verb(n, 'leaves', 'leave')} {max(room, 0)} to the text: the first {fit} "
                f"{verb(fit, 'leaves', 'leave')} {least} or more; give fewer, or shorter ones"
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
