"""spaCy Docs: `AnnotatedText` to Doc and back, and `.spacy` files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..atomic import write_whole
from .annotated_text import AnnotatedText, FormatError, Problem, in_order
from .doc_gold import LABELS, GoldSource, annotated_labels, place_of
from .doc_making import identifiers, is_own, make_doc
from .gold_text import touches
from .json_text import packable

AlignmentMode = Literal["strict", "contract", "expand"]
Annotate = Literal["auto", "ents", "spans", "both"]
META = "meta"


@dataclass(frozen=True)
class DocSettings:
    """How spans come into a Doc.

    annotate: "ents" for `doc.ents`, "spans" for `doc.spans[spans_key]`, "both", or "auto": a text
    without overlaps has ents, one with overlaps has all its spans in the group and its ents are
    left unannotated. "both" does as "auto" and fills the group always. alignment_mode: what
    becomes of spans off the tokens, as `Doc.char_span`.
    """

    annotate: Annotate = "auto"
    spans_key: str = "sc"
    alignment_mode: AlignmentMode = "strict"


def to_doc(
    text: AnnotatedText,
    nlp: Language,
    settings: DocSettings | None = None,
    problems: list[Problem] | None = None,
) -> Doc:
    """A Doc with the text's own tokens, or those of the pipeline's tokenizer. What nobody annotated
    stays unknown. A text that was read from a Doc, and is to be annotated as "auto", is that Doc.
    Spans that are lost or moved are added to `problems`. meta goes to `doc.user_data["meta"]`."""
    settings = settings or DocSettings()
    problems = [] if problems is None else problems
    if is_own(text) and settings.annotate == "auto":
        return text.doc
    doc = make_doc(text, nlp, settings.spans_key, problems)
    if text.meta:
        doc.user_data[META] = packable(text.meta)
    if text.labels is not None:
        doc._.set(LABELS, list(text.labels))
    if not text.annotated:
        return doc
    spans = _align(text, doc, settings.alignment_mode, problems)
    overlaps = len(filter_spans(spans)) < len(spans)
    if settings.annotate in ("spans", "both") or (settings.annotate == "auto" and overlaps):
        if text.unknown:
            reason = "is in a text that is annotated in part, which a span group cannot say"
            problems += [
                text.problem(place_of(span), reason)
                for span in (spans if overlaps or settings.annotate == "spans" else ())
            ]
        else:
            _set_group(doc, settings.spans_key, spans, text)
    if settings.annotate == "ents" and overlaps:
        kept = filter_spans(spans)
        for span in spans:
            if span not in kept:
                problems.append(text.problem(place_of(span), "overlaps a longer or earlier entity"))
        _set_ents(doc, kept, text)
    elif settings.annotate != "spans" and not overlaps:
        _set_ents(doc, spans, text)
    return doc


def _set_ents(doc: Doc, spans: list[Span], text: AnnotatedText) -> None:
    """Tokens outside of the spans are "O", but for those of which nothing is known."""
    taken = {i for span in spans for i in range(span.start, span.end)}
    missing = [
        doc[token.i : token.i + 1]
        for token in (doc if text.unknown else ())
        if token.i not in taken and touches(token.idx, token.idx + len(token), text.unknown)
    ]
    doc.set_ents(spans, missing=missing)


def _set_group(doc: Doc, spans_key: str, spans: list[Span], text: AnnotatedText) -> None:
    """A group that has the spans already stays, with what it says of them."""
    present = text.doc.spans.get(spans_key) if is_own(text) else None
    places = {(span.start, span.end, span.label_) for span in spans}
    if present is not None and {(s.start, s.end, s.label_) for s in present} == places:
        doc.spans[spans_key] = present.copy(doc)
    else:
        doc.spans[spans_key] = spans


def from_doc(
    doc: Doc,
    spans_key: str = "sc",
    file: str = "",
    line: int = 0,
    problems: list[Problem] | None = None,
) -> AnnotatedText:
    """The text with its tokens, its ents and the spans of the group, each once, and the Doc. Spans
    without a label are left out and added to `problems`."""
    source = GoldSource("both", spans_key)
    places = _places(doc, spans_key)
    tokens = tuple((token.idx, token.idx + len(token)) for token in doc)
    meta = _lists(doc.user_data.get(META))
    text = AnnotatedText(
        doc.text,
        in_order(place for place in places if place[2]),
        tokens,
        meta if isinstance(meta, dict) else {},
        file,
        line,
        source.unknown(doc),
        annotated_labels(doc),
        doc,
    )
    if problems is not None:
        problems += nameless(text, spans_key)
    return text


def nameless(text: AnnotatedText, spans_key: str) -> list[Problem]:
    """The spans of its Doc that the text has not, as they have no label."""
    places = _places(text.doc, spans_key)
    return [text.problem(place, "has no label") for place in sorted(places) if not place[2]]


def _places(doc: Doc, spans_key: str) -> set[tuple[int, int, str]]:
    spans = GoldSource("both", spans_key).spans(doc) or ()
    return {place_of(span) for span in spans}


def read(path: Path, spans_key: str = "sc") -> Iterator[AnnotatedText]:
    """The texts of a `.spacy` file; the line is the number of the Doc from 1. Raises FormatError if
    it is none."""
    for number, doc in enumerate(read_docs(path, Vocab()), 1):
        yield from_doc(doc, spans_key, str(path), number)


def read_docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """The Docs of a `.spacy` file as they are. Raises FormatError if it is none."""
    try:
        docs = DocBin().from_disk(path)
    except Exception as error:
        mend = "Give one that DocBin.to_disk wrote, or make one: spacy padellm convert (--from)"
        raise FormatError(path, 0, "not a .spacy file", mend) from error
    return docs.get_docs(vocab)


def moved(doc: Doc, annotate: Annotate, spans_key: str) -> Doc:
    """The Doc, changed in place: with "ents" or "spans", what is not annotated there is filled from
    the other, the ents with the longest spans of the group. Ents that are annotated in part stay
    where they are, since a group cannot say so."""
    has_ents, has_group = doc.has_annotation("ENT_IOB"), spans_key in doc.spans
    if annotate == "ents" and has_group and not has_ents:
        doc.set_ents(filter_spans(span for span in doc.spans[spans_key] if span.label_))
    whole = has_ents and not any(token.ent_iob == 0 for token in doc)
    if annotate == "spans" and whole and not has_group:
        doc.spans[spans_key] = list(doc.ents)
    return doc


def write(path: Path, docs: Iterable[Doc]) -> None:
    """A `.spacy` file for `spacy train`."""
    write_whole(path, DocBin(docs=docs, store_user_data=True).to_bytes())


def _lists(value: Any) -> Any:
    """JSON's lists again, where a `.spacy` file has made them tuples."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _align(
    text: AnnotatedText, doc: Doc, mode: AlignmentMode, problems: list[Problem]
) -> list[Span]:
    spans: list[Span] = []
    taken: set[tuple[int, int, str]] = set()
    known = identifiers(text, doc)
    for start, end, label in text.spans:
        exact = doc.char_span(start, end, label)
        span = exact if exact else doc.char_span(start, end, label, alignment_mode=mode)
        reason = ""
        if not span:
            reason = f"is not on token boundaries (alignment mode {mode})"
        elif not span.text.strip():
            reason = "is white space alone"
        elif (span.start, span.end, label) in taken:
            reason = f"becomes equal to another span by alignment mode {mode}"
        if reason or span is None:
            problems.append(text.problem((start, end, label), reason, off=not exact))
            continue
        if not exact:
            moved = f"is moved to {span.text!r} (alignment mode {mode})"
            problems.append(text.problem((start, end, label), moved, lost=False, off=True))
        if (start, end, label) in known:
            span.kb_id, span.id = known[start, end, label]
        taken.add((span.start, span.end, label))
        spans.append(span)
    return spans
