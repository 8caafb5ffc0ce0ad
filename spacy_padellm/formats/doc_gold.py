"""What a Doc says of its entities, and of what it says nothing.

The only place that reads gold off a Doc; whatever converts, scores or learns asks here. The
conventions are spaCy's: a Doc whose `ent_iob` are all missing is not annotated, a token whose
`ent_iob` is missing is unknown, a Doc without the key of a span group is not annotated, and an
empty Doc always is.
"""

from dataclasses import dataclass

from spacy.tokens import Doc, Span

from .gold_text import GoldText, Place
from .gold_text import Span as Labelled

LABELS = "padellm_labels"  # Doc extension: the labels that were looked for

if not Doc.has_extension(LABELS):
    Doc.set_extension(LABELS, default=None)


@dataclass(frozen=True)
class GoldSource:
    """Where the gold spans of a Doc are: annotate "ents", "spans" under `spans_key`, or "both".
    With "both" either will do, and a Doc has the spans of both; where the ents are annotated in
    part, they say what is unknown."""

    annotate: str
    spans_key: str

    @property
    def place(self) -> str:
        """Its name in messages."""
        group = f"doc.spans[{self.spans_key!r}]"
        return {"ents": "doc.ents", "spans": group}.get(self.annotate, f"doc.ents or {group}")

    def read(self, doc: Doc) -> GoldText | None:
        """None where the Doc is not annotated. Spans with labels that were not looked for in it
        (`doc._.padellm_labels`) are left out."""
        spans = self.spans(doc)
        if spans is None:
            return None
        labels = annotated_labels(doc)
        places = (place_of(span) for span in spans if labels is None or span.label_ in labels)
        return GoldText(doc.text, tuple(dict.fromkeys(places)), labels or (), self.unknown(doc))

    def spans(self, doc: Doc) -> list[Span] | None:
        """All spans, as they are; None where the Doc is not annotated."""
        group = self.spans_key in doc.spans and self.annotate != "ents"
        ents = self.annotate != "spans" and doc.has_annotation("ENT_IOB")
        if not (group or ents) or annotated_labels(doc) == ():
            return None
        return [*(doc.ents if ents else ()), *(doc.spans[self.spans_key] if group else ())]

    def unknown(self, doc: Doc) -> tuple[Place, ...]:
        """Characters (start, end) of which nothing is known, all of a Doc without annotation."""
        if self.spans(doc) is None:
            return ((0, len(doc.text)),) if doc.text else ()
        if self.annotate == "spans" or not doc.has_annotation("ENT_IOB"):
            return ()
        return tuple((t.idx, t.idx + len(t)) for t in doc if t.ent_iob == 0)


def place_of(span: Span) -> Labelled:
    """(start, end, label) of a Doc's span, in characters."""
    return span.start_char, span.end_char, span.label_


def annotated_labels(doc: Doc) -> tuple[str, ...] | None:
    """The labels that were looked for in a Doc (`doc._.padellm_labels`); None for all."""
    labels = doc._.get(LABELS)
    if isinstance(labels, str):
        labels = (labels,)
    return None if labels is None else tuple(labels)
