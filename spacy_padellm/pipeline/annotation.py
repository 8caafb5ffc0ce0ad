"""Mentions to `doc.ents` or `doc.spans`, with their probabilities.

`ent._.padellm_score` holds the probability of an entity; `doc.spans[key].attrs["scores"]` those
of a span group. Both survive `Doc.to_bytes` and a DocBin with `store_user_data=True`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from ..spans.numeric import is_probability
from ..spans.prediction import Mention
from ..spans.resolution import Dropped, resolve

if TYPE_CHECKING:  # with what makes them, which takes seconds to import
    from .doc_decoder import DocPrediction

SCORE = "padellm_score"
RAW = "padellm_raw"

if not Span.has_extension(SCORE):
    Span.set_extension(SCORE, default=None)
if not Doc.has_extension(RAW):
    Doc.set_extension(RAW, default=None)


@dataclass
class Placed:
    """The mentions of a Doc on its tokens.

    spans, mentions: those that stay, in the order of the text. below: under the threshold.
    unaligned: without a place in the text, or off the Doc's tokens.
    """

    spans: list[Span] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    below: list[Mention] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    unaligned: list[Mention] = field(default_factory=list)


def entity_scores(doc: Doc) -> list[tuple[Span, float]]:
    """The entities of a Doc with the probabilities that the component gave them."""
    scored = ((ent, score_of(ent)) for ent in doc.ents)
    return [(ent, score) for ent, score in scored if score is not None]


def score_of(ent: Span) -> float | None:
    """The probability of an entity; None where it has none, or what a file or another component
    has put there is no probability."""
    score = ent._.get(SCORE)
    return float(score) if is_probability(score) else None


def place_mentions(
    doc: Doc,
    predicted: "DocPrediction",
    alignment_mode: str = "strict",
    resolution: str = "flat",
    threshold: float = 0.0,
) -> Placed:
    """Characters to tokens (as `Doc.char_span` does), then threshold, then resolution."""
    placed = Placed(dropped=list(predicted.dropped), unaligned=list(predicted.unplaced))
    likely: list[Mention] = []
    spans: dict[int, Span] = {}
    for mention in predicted.prediction.mentions:
        if mention.probability < threshold:
            placed.below.append(mention)
            continue
        span = None
        if mention.start is not None and mention.end is not None:
            span = doc.char_span(
                mention.start, mention.end, label=mention.label, alignment_mode=alignment_mode
            )
        if span is None or not len(span):
            placed.unaligned.append(mention)
            continue
        on_tokens = replace(mention, start=span.start_char, end=span.end_char)
        spans[id(on_tokens)] = span
        likely.append(on_tokens)
    kept, dropped = resolve(likely, resolution)
    placed.dropped += dropped
    kept = sorted(kept, key=lambda m: (spans[id(m)].start, -spans[id(m)].end))
    placed.mentions = kept
    placed.spans = [spans[id(mention)] for mention in kept]
    return placed


def give_way(doc: Doc, placed: Placed, overwrite: bool) -> tuple[Placed, list[Mention]]:
    """What can go into `doc.ents`, and the mentions that give way to entities that are there, or
    to blocked tokens (`Doc.set_ents(blocked=...)`); with `overwrite`, none does."""
    if overwrite:
        return placed, []
    taken = [token.ent_type != 0 or token.ent_iob == 3 for token in doc]
    stays = [not any(taken[span.start : span.end]) for span in placed.spans]
    pairs = list(zip(placed.spans, placed.mentions, stays, strict=True))
    left = replace(
        placed,
        spans=[span for span, _, stay in pairs if stay],
        mentions=[mention for _, mention, stay in pairs if stay],
    )
    return left, [mention for _, mention, stay in pairs if not stay]


def set_entities(doc: Doc, placed: Placed, overwrite: bool) -> None:
    """Sets `doc.ents`; every token outside of entities becomes "O".

    overwrite: entities of the Doc give way where a new one overlaps; else new ones do
    (`give_way`).
    """
    blocked = [token.i for token in doc if token.ent_iob == 3 and token.ent_type == 0]
    present = list(doc.ents)
    placed, _ = give_way(doc, placed, overwrite)
    new = placed.spans
    for span, mention in zip(new, placed.mentions, strict=True):
        span._.set(SCORE, mention.probability)
    covered = {i for span in new for i in range(span.start, span.end)}
    kept = []
    for ent in present:
        if covered.isdisjoint(range(ent.start, ent.end)):
            kept.append(ent)
        elif not any(ent.start == span.start and ent.end == span.end for span in new):
            ent._.set(SCORE, None)
    doc.set_ents(
        sorted([*kept, *new], key=lambda ent: ent.start),
        blocked=[doc[i : i + 1] for i in blocked if i not in covered],
    )


def set_spans(doc: Doc, placed: Placed, spans_key: str) -> None:
    """Sets `doc.spans[spans_key]`, with `attrs["scores"]` beside it; a present group goes."""
    scores = np.array([mention.probability for mention in placed.mentions], dtype="float32")
    doc.spans[spans_key] = SpanGroup(
        doc, name=spans_key, attrs={"scores": scores}, spans=placed.spans
    )


def keep_raw(doc: Doc, name: str, predicted: "DocPrediction", placed: Placed) -> None:
    """Plain data under `doc._.padellm_raw[name]`: counts, mentions, and all that did not stay."""
    raw = dict(doc._.get(RAW) or {})
    raw[name] = {
        "counts": [
            {"label": c.label, "value": c.value, "probability": c.probability, "capped": c.capped}
            for c in predicted.prediction.counts
        ],
        "mentions": _plain(predicted.prediction.mentions),
        "dropped": [
            {**drop, "reason": dropped.reason, "winner": _plain([dropped.winner])[0]}
            for dropped, drop in zip(
                placed.dropped, _plain([d.mention for d in placed.dropped]), strict=True
            )
        ],
        "below_threshold": _plain(placed.below),
        "unaligned": _plain(placed.unaligned),
    }
    doc._.set(RAW, raw)


def _plain(mentions: Sequence[Mention]) -> list[dict[str, Any]]:
    return [
        {
            "label": mention.label,
            "index": mention.index,
            "text": mention.text,
            "start": mention.start,
            "end": mention.end,
            "probability": mention.probability,
            "token_probabilities": list(mention.token_probabilities),
        }
        for mention in mentions
    ]
