"""Texts and gold of a file of annotated texts."""

from pathlib import Path

from spacy.language import Language

from ...formats.doc_gold import GoldSource
from ...formats.docbin import AlignmentMode
from ...formats.gold_text import GoldText
from ...formats.guess import Format
from ..corpora import read_annotated


def read_corpus(
    corpus: Path,
    limit: int = 0,
    annotate: str = "ents",
    spans_key: str = "sc",
    nlp: Language | None = None,
    corpus_format: Format | None = None,
    alignment_mode: AlignmentMode | None = None,
) -> list[GoldText]:
    """The first texts of a file with their entities, blank ones left out.

    Of a Doc that is not annotated the whole text is `unknown`. limit: 0 takes all. annotate,
    spans_key: where the entities are (`GoldSource`). The others are as in `read_annotated`.

    Raises ValueError as `read_annotated`.
    """
    source = GoldSource(annotate, spans_key)
    examples = read_annotated(corpus, source, nlp, corpus_format, alignment_mode)
    docs = [example.reference for example in examples[: limit or None]]
    return [source.read(doc) or GoldText(doc.text, (), unknown=source.unknown(doc)) for doc in docs]
