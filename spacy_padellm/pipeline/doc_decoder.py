"""Docs in, one prediction a Doc out: windows, decoding, places of mentions, windows merged.

Changes no Doc; `annotation.py` does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Doc

from ..decoding import Decoder, ReplicaDecoder, TextInput
from ..spans.alignment import align_mentions, spread_repeats
from ..spans.calibration import Calibration
from ..spans.prediction import Mention, Prediction
from ..spans.resolution import Dropped
from ..spans.windows import merge_windows
from .doc_windows import DocWindow, split_doc, tokens_left, window_input

LONGEST_WINDOW = 512  # tokens, of a model that names none of its own


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

    window, overlap: tokens of the language model; overlap None is an eighth of a window, and so is
    any where labels leave less room than `window`. Raises ValueError for one not below the window.
    on_tokens: copied mentions begin and end where tokens of the Doc do. flat: repeats are not
    looked for inside longer mentions. calibration: of the probabilities of mentions.
    """

    decoder: Decoder
    window: int
    overlap: int | None
    on_tokens: bool
    flat: bool
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if self.overlap is not None and self.overlap >= self.window:
            raise ValueError(
                f"overlap is {self.overlap}, and the windows of {self.decoder.lm.name} have "
                f"{self.window} tokens: set overlap to null (an eighth of it), or set window"
            )

    def prepare(
        self,
        docs: Sequence[Doc],
        labels: tuple[str, ...],
        replicas: ReplicaDecoder | None = None,
    ) -> PreparedDocs:
        """All that is done before the model runs: windows, prompts, batches.

        All windows of all Docs are decoded together, the longest first.

        replicas: copies of the decoder that share the work.
        """
        size = self.window_size(labels)
        overlap = size // 8 if self.overlap is None or size < self.window else self.overlap
        windows = [split_doc(doc, self.decoder.encoder, size, overlap) for doc in docs]
        asked: list[tuple[int, int]] = []
        inputs = []
        for d, (doc, parts) in enumerate(zip(docs, windows, strict=True)):
            for w, part in enumerate(parts):
                if part.text.strip():
                    asked.append((d, w))
                    inputs.append(window_input(doc, part, self.on_tokens))
        decoder = replicas or self.decoder
        batches = decoder.plan(inputs, labels) if inputs else []

        def decode() -> list[DocPrediction]:
            placed: list[list[_PlacedWindow]] = [[] for _ in docs]
            decoded = decoder.decode(batches)
            for (d, w), text_input, prediction in zip(asked, inputs, decoded, strict=True):
                placed[d].append(self._place(windows[d][w], text_input, prediction))
            return [_join(doc.text, of_doc) for doc, of_doc in zip(docs, placed, strict=True)]

        return PreparedDocs(docs, decode)

    def window_size(self, labels: tuple[str, ...]) -> int:
        """Tokens of the language model that a window may have. Raises ValueError for none."""
        room = tokens_left(self.decoder, labels)
        if room is not None and room < 8:
            raise ValueError(
                f"{self.decoder.lm.name} takes {self.decoder.lm.max_positions} tokens, and label, "
                f"description and answer leave {max(room, 0)} to the text: shorten the "
                f"descriptions in `labels`, or lower `max_mention_tokens`"
            )
        return self.window if room is None else min(self.window, room)

    def _place(self, part: DocWindow, asked: TextInput, prediction: Prediction) -> "_PlacedWindow":
        if self.calibration is not None:
            prediction = self.calibration.apply(prediction)
        mentions = prediction.mentions
        if self.decoder.settings.copy:
            found, left = spread_repeats(part.text, mentions, self.flat, asked.starts, asked.ends)
        else:
            found, left = align_mentions(part.text, mentions, self.flat)
        return _PlacedWindow(part, replace(prediction, mentions=found), left)


@dataclass(frozen=True)
class _PlacedWindow:
    """A window with its prediction, all mentions placed, and mentions without a place."""

    part: DocWindow
    prediction: Prediction
    left: list[Mention]


def _join(text: str, windows: Sequence[_PlacedWindow]) -> DocPrediction:
    unplaced = [_without_place(mention) for window in windows for mention in window.left]
    if not windows:
        return DocPrediction()
    if len(windows) == 1 and windows[0].part.text == text:
        return DocPrediction(windows[0].prediction, [], unplaced)
    spans = [(window.part.start, window.part.end) for window in windows]
    merged, dropped = merge_windows(text, spans, [window.prediction for window in windows])
    return DocPrediction(merged, dropped, unplaced)


def _without_place(mention: Mention) -> Mention:
    return replace(mention, start=None, end=None)
