"""Texts and gold of a file of annotated texts."""

from pathlib import Path

from ...formats.doc_gold import GoldSource
from ...formats.gold_text import GoldText
from ..corpora import read_annotated


def read_corpus(
    corpus: Path, limit: int = 0, annotate: str = "ents", spans_key: str = "sc"
) -> list[GoldText]:
    """The first texts of a file with their entities, blank ones left out.

    Of a Doc that is not annotated the whole text is `unknown`. limit: 0 takes all. annotate,
    spans_key: where the entities are (`GoldSource`).

    Raises ValueError as `read_annotated`.
    """
    source = GoldSource(annotate, spans_key)
    return [
        source.read(doc) or GoldText(doc.text, (), unknown=source.unknown(doc))
        for doc in read_annotated(corpus, source)[: limit or None]
    ]
