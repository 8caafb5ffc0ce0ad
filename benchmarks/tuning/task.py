"""What a system is given to train on, and the files that trainers read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import spacy

from spacy_padellm.formats import docbin, jsonl
from spacy_padellm.formats.annotated_text import AnnotatedText
from spacy_padellm.formats.gold_text import GoldText, Span


@dataclass(frozen=True)
class Task:
    """labels: those of the training texts. folder: an empty one to write to, gone afterwards.
    seconds: how long training may take, None for as long as it likes."""

    train: Sequence[GoldText]
    dev: Sequence[GoldText]
    labels: tuple[str, ...]
    seed: int
    folder: Path
    seconds: float | None = None


class NoModelError(RuntimeError):
    """The time was up before there was a model."""


def write_jsonl(golds: Sequence[GoldText], path: Path) -> Path:
    """Spans as they are; of those that overlap the longest stays, as in `write_docbin`."""
    flat = [replace(gold, spans=longest_spans(gold.spans)) for gold in golds]
    jsonl.write(path, _annotated(flat))
    return path


def longest_spans(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Those that spaCy's `filter_spans` keeps, by characters: the longest first, then the first."""
    kept: list[Span] = []
    for start, end, label in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= other[0] or other[1] <= start for other in kept):
            kept.append((start, end, label))
    return tuple(sorted(kept))


def write_docbin(golds: Sequence[GoldText], path: Path) -> Path:
    """Entities of spaCy's English tokens: spans that are not on them are widened to them, and of
    those that overlap the longest stays.

    `padellm train` reads the same spans with the reader's default, "contract": they shrink to whole
    tokens, and one inside a token is lost. Neither learns such a span as it is, and neither can
    find it, as both write entities on spaCy's tokens, which are compared with the gold characters.
    Counted by `Doc.char_span` over all training spans of the sets (and the spans that are scored):
    uner_ewt 61 of 7,005 (8 of 539), presidio_synth 20 of 2,300 (0 of 322), restaurant8k 14 of 7,264
    (4 of 935); of these, 37, 14 and 6 are lost to `padellm train`. The other four sets have none.
    """
    nlp = spacy.blank("en")
    settings = docbin.DocSettings(annotate="ents", alignment_mode="expand")
    docbin.write(path, [docbin.to_doc(text, nlp, settings) for text in _annotated(golds)])
    return path


def _annotated(golds: Sequence[GoldText]) -> list[AnnotatedText]:
    return [AnnotatedText(gold.text, gold.spans, unknown=gold.unknown) for gold in golds]
