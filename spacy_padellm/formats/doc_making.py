"""Docs for texts, before their spans: new ones, and those that a text was read from.

What a `.spacy` file holds besides the spans (categories, other span groups, user data, tags) goes
on to the next one.
"""

from collections.abc import Mapping

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.util import get_words_and_spaces

from .annotated_text import AnnotatedText, FormatError, Problem
from .doc_gold import LABELS, annotated_labels, place_of


def is_own(text: AnnotatedText) -> bool:
    """Whether the text is still that of the Doc that it was read from."""
    return isinstance(text.doc, Doc) and text.tokens is not None and text.doc.text == text.text


def make_doc(
    text: AnnotatedText, nlp: Language, spans_key: str, problems: list[Problem] | None = None
) -> Doc:
    """A Doc without entities and without the group `spans_key`.

    Where the text was spaced anew (`AnnotatedText.doc` is another text), other span groups and
    what is said of tokens have no place: such spans are added to `problems`.

    Raises FormatError for tokens that do not make up the text.
    """
    if is_own(text):
        own: Doc = text.doc.copy()
        own.set_ents([], default="missing")
        own.spans.pop(spans_key, None)
        return own
    doc = _tokenise(text, nlp)
    if isinstance(text.doc, Doc):
        doc.cats = dict(text.doc.cats)
        doc.user_data.update(
            {key: value for key, value in text.doc.user_data.items() if not _has_place(key)}
        )
        for name, group in text.doc.spans.items():
            if name != spans_key and problems is not None:
                reason = f"is in doc.spans[{name!r}], whose text is spaced anew"
                problems += [_own_problem(text, span, reason) for span in group]
    return doc


def relabel(doc: Doc, names: Mapping[str, str], spans_key: str) -> Doc:
    """A copy with other labels in its entities, in the group, and among those that were looked
    for; names: old label → new one, "" to leave its spans out."""
    new = doc.copy()
    ents = [_renamed(new, ent, names) for ent in doc.ents if names.get(ent.label_, ent.label_)]
    missing = [new[token.i : token.i + 1] for token in doc if token.ent_iob == 0]
    blocked = [
        new[token.i : token.i + 1] for token in doc if token.ent_iob == 3 and not token.ent_type
    ]
    new.set_ents(ents, missing=missing, blocked=blocked)
    if spans_key in doc.spans:
        new.spans[spans_key] = _renamed_group(new, doc.spans[spans_key], names)
    labels = annotated_labels(doc)
    if labels is not None:
        renamed = dict.fromkeys(names.get(label, label) for label in labels)
        new._.set(LABELS, [label for label in renamed if label])
    return new


def identifiers(text: AnnotatedText, doc: Doc) -> dict[tuple[int, int, str], tuple[int, int]]:
    """(start, end, label) → (kb_id, id) of the spans that have one, for `doc`."""
    if not isinstance(text.doc, Doc) or text.doc.text != text.text:
        return {}
    spans = [*text.doc.ents, *(span for group in text.doc.spans.values() for span in group)]
    add = doc.vocab.strings.add
    return {
        place_of(span): (add(span.kb_id_), add(span.id_)) for span in spans if span.kb_id or span.id
    }


def _tokenise(text: AnnotatedText, nlp: Language) -> Doc:
    if text.tokens is None:
        return nlp.tokenizer(text.text)
    words = [text.text[start:end] for start, end in text.tokens]
    try:
        words, spaces = get_words_and_spaces(words, text.text)
    except ValueError:
        what = "the tokens do not make up the text"
        raise FormatError(text.file, text.line, what, 'Mend or leave out "tokens"') from None
    return Doc(nlp.vocab, words=words, spaces=spaces)


def _has_place(key: object) -> bool:
    """Whether a key of `doc.user_data` is of a token or span, by its characters."""
    return isinstance(key, tuple) and len(key) > 2 and key[0] == "._." and key[2] is not None


def _own_problem(text: AnnotatedText, span: Span, reason: str) -> Problem:
    old = AnnotatedText(text.doc.text, file=text.file, line=text.line)
    return old.problem(place_of(span), reason)


def _renamed(doc: Doc, span: Span, names: Mapping[str, str]) -> Span:
    label = names.get(span.label_, span.label_)
    return Span(doc, span.start, span.end, label, kb_id=span.kb_id, span_id=span.id)


def _renamed_group(doc: Doc, group: SpanGroup, names: Mapping[str, str]) -> SpanGroup:
    """Of spans that become equal the first stays; `attrs["scores"]` go with their spans."""
    kept: dict[tuple[int, int, str], int] = {}
    for i, span in enumerate(group):
        label = names.get(span.label_, span.label_)
        if label:
            kept.setdefault((span.start, span.end, label), i)
    attrs = dict(group.attrs)
    if len(attrs.get("scores", ())) == len(group) > 0:
        attrs["scores"] = np.asarray(attrs["scores"])[list(kept.values())]
    spans = [_renamed(doc, group[i], names) for i in kept.values()]
    return SpanGroup(doc, name=group.name, attrs=attrs, spans=spans)
