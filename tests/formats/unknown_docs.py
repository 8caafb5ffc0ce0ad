"""Docs that say all, some or nothing of their entities, and what else a Doc can say."""

import spacy
from spacy.tokens import Doc, Span, SpanGroup

import spacy_padellm.formats.doc_gold  # noqa: F401 - the extension padellm_labels

NLP = spacy.blank("en")
WORDS = ["Ada", "left", "Rome", "for", "Oslo"]
LABELS = ("._.", "padellm_labels", None, None)


def new() -> Doc:
    return Doc(NLP.vocab, words=WORDS)


def annotated() -> Doc:
    doc = new()
    doc.ents = [Span(doc, 0, 1, "PER", kb_id="Q7259"), Span(doc, 2, 3, "LOC")]
    return doc


def empty() -> Doc:
    doc = new()
    doc.ents = []
    return doc


def partly() -> Doc:
    doc = new()
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[2:4]], blocked=[doc[4:5]])
    return doc


def partly_without_entity() -> Doc:
    doc = new()
    doc.set_ents([], missing=[doc[2:5]])
    return doc


def with_cats() -> Doc:
    doc = annotated()
    doc.cats = {"travel": 1.0}
    return doc


def only_cats() -> Doc:
    doc = new()
    doc.cats = {"travel": 0.0}
    return doc


def for_one_label() -> Doc:
    doc = new()
    doc.ents = [Span(doc, 2, 3, "LOC")]
    doc._.padellm_labels = ["LOC"]
    return doc


def only_group() -> Doc:
    doc = new()
    spans = [Span(doc, 0, 1, "PER"), Span(doc, 0, 3, "EVENT", kb_id="Q1", span_id="x")]
    doc.spans["sc"] = SpanGroup(doc, name="sc", attrs={"scores": [0.5, 0.75]}, spans=spans)
    return doc


def empty_group() -> Doc:
    doc = new()
    doc.spans["sc"] = []
    return doc


def other_group() -> Doc:
    doc = annotated()
    doc.spans["parts"] = [Span(doc, 1, 2, "VERB")]
    return doc


def with_user_data() -> Doc:
    doc = annotated()
    doc.user_data["source"] = {"page": 3}
    doc.user_data["meta"] = {"id": 1}
    return doc


# name → (Doc, what it says of its entities)
KINDS = {
    "annotated": (annotated, "all"),
    "empty": (empty, "all"),
    "never annotated": (new, "nothing"),
    "partly": (partly, "some"),
    "partly, without entity": (partly_without_entity, "some"),
    "cats": (with_cats, "all"),
    "only cats": (only_cats, "nothing"),
    "labels": (for_one_label, "all"),
    "only group": (only_group, "all"),
    "empty group": (empty_group, "all"),
    "other group": (other_group, "all"),
    "user data": (with_user_data, "all"),
}


def state(doc: Doc) -> dict:
    """All that matters here, as plain data."""
    return {
        "tokens": [
            (t.text, t.ent_iob, t.ent_type_, t.ent_kb_id_, t.ent_id_, t.whitespace_) for t in doc
        ],
        "spans": {
            key: (
                [(s.start, s.end, s.label_, s.kb_id_, s.id_) for s in group],
                [float(score) for score in group.attrs.get("scores", ())],
            )
            for key, group in doc.spans.items()
        },
        "cats": dict(doc.cats),
        "user_data": {k: _plain(v) for k, v in doc.user_data.items() if _plain(v) is not None},
    }


def _plain(value):
    return [*value] if isinstance(value, tuple) else value
