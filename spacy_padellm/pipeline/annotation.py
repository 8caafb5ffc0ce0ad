"""Mentions to the tokens of a Doc, and into its `doc.ents` or `doc.spans`, with probabilities.

`ent._.padellm_score` holds the probability of an entity; `doc.spans[key].attrs["scores"]` those
of a span group. Both survive `Doc.to_bytes` and a DocBin with `store_user_data=True`.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from ..spans.numeric import is_probability
from ..spans.prediction import Mention
from ..spans.resolution import Dropped, resolve
from ..spans.thresholds import threshold_of
from .label_thresholds import threshold_for

if TYPE_CHECKING:  # with what makes them, which takes seconds to import
    from .doc_decoder import DocPrediction
    from .settings import Settings

logger = logging.getLogger(__name__)
SCORE = "padellm_score"
RAW = "padellm_raw"

if not Span.has_extension(SCORE):
    Span.set_extension(SCORE, default=None)
if not Doc.has_extension(RAW):
    Doc.set_extension(RAW, default=None)


@dataclass
class Placed:
    """The mentions of a Doc on its tokens.

    found: what they were decoded as. spans, mentions: those that stay, in the order of the text.
    below: under their label's threshold. unaligned: without a place in the text, or off the Doc's
    tokens. yielding: to entities that are there already, or to blocked tokens.
    """

    found: "DocPrediction"
    spans: list[Span] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    below: list[Mention] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    unaligned: list[Mention] = field(default_factory=list)
    yielding: list[Mention] = field(default_factory=list)


def entity_scores(doc: Doc) -> list[tuple[Span, float]]:
    """The entities of a Doc with the probabilities that the component gave them."""
    scored = ((ent, score_of(ent)) for ent in doc.ents)
    return [(ent, score) for ent, score in scored if score is not None]


def score_of(ent: Span) -> float | None:
    """The probability of an entity; None where it has none, or what a file or another component
    has put there is no probability."""
    score = ent._.get(SCORE)
    return float(score) if is_probability(score) else None


class Annotator:
    """Places what was decoded for a Doc on its tokens, and writes it there, as the settings say.

    name: of the component, in `doc._.padellm_raw`. scored: whether the mentions have
    probabilities: without, no threshold applies, and none are written.
    """

    def __init__(self, settings: "Settings", name: str = "", scored: bool = True) -> None:
        self._settings = settings
        self._name = name
        self._scored = scored

    def place(self, doc: Doc, found: "DocPrediction") -> Placed:
        """Characters to tokens (as `Doc.char_span` does), then threshold, then resolution, then
        what is in `doc.ents` already. The Doc stays as it is. Raises as `threshold_for`."""
        threshold = threshold_for(doc, self._settings.threshold) if self._scored else 0.0
        placed = Placed(found, dropped=list(found.dropped), unaligned=list(found.unplaced))
        likely: list[Mention] = []
        spans: dict[int, Span] = {}
        for mention in found.prediction.mentions:
            if mention.probability < threshold_of(threshold, mention.label):
                placed.below.append(mention)
            elif span := self._span(doc, mention):
                on_tokens = replace(mention, start=span.start_char, end=span.end_char)
                spans[id(on_tokens)] = span
                likely.append(on_tokens)
            else:
                placed.unaligned.append(mention)
        kept, dropped = resolve(likely, self._settings.resolution_rule)
        placed.dropped += dropped
        taken = self._taken(doc)
        for mention in sorted(kept, key=lambda m: (spans[id(m)].start, -spans[id(m)].end)):
            span = spans[id(mention)]
            if taken.isdisjoint(range(span.start, span.end)):
                placed.spans.append(span)
                placed.mentions.append(mention)
            else:
                placed.yielding.append(mention)
        return placed

    def write(self, doc: Doc, placed: Placed) -> None:
        """Sets `doc.ents`, where every token outside of entities becomes "O", or
        `doc.spans[spans_key]`, where a present group goes; keeps the raw output if it is asked
        for."""
        if self._settings.annotate == "ents":
            self._write_entities(doc, placed)
        else:
            self._write_group(doc, placed)
        if self._settings.keep_raw:
            raw = dict(doc._.get(RAW) or {})
            raw[self._name] = _raw(placed)
            doc._.set(RAW, raw)

    def _span(self, doc: Doc, mention: Mention) -> Span | None:
        """None for a mention without a place on tokens."""
        if mention.start is None or mention.end is None:
            return None
        mode = self._settings.alignment_mode
        span = doc.char_span(mention.start, mention.end, label=mention.label, alignment_mode=mode)
        return span if span is not None and len(span) else None

    def _taken(self, doc: Doc) -> set[int]:
        """Tokens that no new entity may have: in present ones, or blocked
        (`Doc.set_ents(blocked=...)`)."""
        if self._settings.annotate != "ents" or self._settings.overwrite_ents:
            return set()
        return {token.i for token in doc if token.ent_type != 0 or token.ent_iob == 3}

    def _write_entities(self, doc: Doc, placed: Placed) -> None:
        """Present entities give way where a new one overlaps: `place` leaves only such ones."""
        blocked = [token.i for token in doc if token.ent_iob == 3 and token.ent_type == 0]
        new = placed.spans
        covered = {i for span in new for i in range(span.start, span.end)}
        kept = []
        for ent in doc.ents:
            if covered.isdisjoint(range(ent.start, ent.end)):
                kept.append(ent)
            else:
                ent._.set(SCORE, None)
        for span, mention in zip(new, placed.mentions, strict=True):
            span._.set(SCORE, mention.probability if self._scored else None)
        doc.set_ents(
            sorted([*kept, *new], key=lambda ent: ent.start),
            blocked=[doc[i : i + 1] for i in blocked if i not in covered],
        )

    def _write_group(self, doc: Doc, placed: Placed) -> None:
        """The probabilities go beside the spans, in `attrs["scores"]`."""
        scores = np.array([mention.probability for mention in placed.mentions], dtype="float32")
        doc.spans[self._settings.spans_key] = SpanGroup(
            doc,
            name=self._settings.spans_key,
            attrs={"scores": scores} if self._scored else {},
            spans=placed.spans,
        )


class LeftOut:
    """Mentions without a place of their own. That a model names a string more often than it occurs
    is no surprise; that tokens of the Doc part a mention is a matter of the settings, and told
    once."""

    def __init__(self) -> None:
        self.total = 0
        self._told = False

    def note(self, name: str, mentions: Sequence[Mention]) -> None:
        """name: of the component."""
        self.total += len(mentions)
        for mention in mentions:
            if mention.start is None:
                logger.info(
                    "%s: %r (%s) was left out, as it has no free place in its text; kept with "
                    "keep_raw = true",
                    name,
                    mention.text,
                    mention.label,
                )
            elif not self._told:
                self._told = True
                logger.warning(
                    "%s: %r (%s) was left out, as it does not begin and end on tokens of its Doc "
                    "(see alignment_mode); further ones are not told, but kept with "
                    "keep_raw = true",
                    name,
                    mention.text,
                    mention.label,
                )


def _raw(placed: Placed) -> dict[str, Any]:
    """Plain data: counts, mentions, and all that did not stay."""
    prediction = placed.found.prediction
    return {
        "counts": [asdict(count) for count in prediction.counts],
        "mentions": [*map(_plain, prediction.mentions)],
        "dropped": [
            {**_plain(drop.mention), "reason": drop.reason, "winner": _plain(drop.winner)}
            for drop in placed.dropped
        ],
        "below_threshold": [*map(_plain, placed.below)],
        "unaligned": [*map(_plain, placed.unaligned)],
    }


def _plain(mention: Mention) -> dict[str, Any]:
    return {**asdict(mention), "token_probabilities": list(mention.token_probabilities)}
