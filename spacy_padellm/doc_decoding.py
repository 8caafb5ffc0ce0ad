"""Docs in, one prediction a Doc out: windows, decoding, places of mentions, windows merged.

Changes no Doc; `annotation.py` does.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Doc

from .alignment import align_mentions, spread_repeats
from .decoding import Decoder
from .doc_windows import DocWindow, split_doc, tokens_left, window_input
from .resolution import Dropped
from .types import Mention, Prediction
from .windows import merge_windows

logger = logging.getLogger(__name__)


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
class DocDecoder:
    """Decodes Docs.

    window, overlap: tokens of the language model. on_tokens: copied mentions begin and end where
    tokens of the Doc do. flat: repeats are not looked for inside longer mentions.
    """

    decoder: Decoder
    window: int
    overlap: int
    on_tokens: bool
    flat: bool

    def decode(self, docs: Sequence[Doc], labels: tuple[str, ...]) -> list[DocPrediction]:
        """All windows of all Docs together; the longest are decoded first."""
        size = self.window_size(labels)
        overlap = min(self.overlap, size - 1)
        windows = [split_doc(doc, self.decoder.encoder, size, overlap) for doc in docs]
        asked: list[tuple[int, int]] = []
        inputs = []
        for d, (doc, parts) in enumerate(zip(docs, windows, strict=True)):
            for w, part in enumerate(parts):
                if part.text.strip() and self._fits(part, size):
                    asked.append((d, w))
                    inputs.append(window_input(doc, part, self.on_tokens))
        decoded = self.decoder.predict(inputs, labels) if inputs else []
        found = dict(zip(asked, decoded, strict=True))
        return [
            self._join(
                doc.text,
                parts,
                [found.get((d, w), Prediction()) for w in range(len(parts))],
            )
            for d, (doc, parts) in enumerate(zip(docs, windows, strict=True))
        ]

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

    def _fits(self, part: DocWindow, size: int) -> bool:
        """A single token of the Doc may be longer than all that the model can read."""
        limit = self.decoder.lm.max_positions
        if limit is None or len(part.text) <= size:
            return True
        # A window is cut to `size`; only one of a single token can be much longer than that.
        n_tokens = self.decoder.text_size(part.text)
        if n_tokens <= max(2 * size, size + 64) and n_tokens < limit - 32:
            return True
        logger.warning(
            "the token %r... of %d characters (%d tokens of the model) is longer than the model "
            "can read and was not asked about",
            part.text[:40],
            len(part.text),
            n_tokens,
        )
        return False

    def _join(
        self, text: str, parts: Sequence[DocWindow], predictions: Sequence[Prediction]
    ) -> DocPrediction:
        placed, unplaced = [], []
        for part, prediction in zip(parts, predictions, strict=True):
            place = spread_repeats if self.decoder.copy else align_mentions
            mentions, left = place(part.text, prediction.mentions, flat=self.flat)
            placed.append(replace(prediction, mentions=mentions))
            unplaced += [_without_place(mention) for mention in left]
        spans = [(part.start, part.end) for part in parts]
        if len(parts) == 1:
            return DocPrediction(placed[0], [], unplaced)
        merged, dropped = merge_windows(text, spans, placed)
        return DocPrediction(merged, dropped, unplaced)


def _without_place(mention: Mention) -> Mention:
    return replace(mention, start=None, end=None)
