"""Texts and gold of a `.spacy` file."""

from pathlib import Path

from spacy.vocab import Vocab

from ...formats.doc_gold import GoldSource
from ...formats.docbin import read_docs
from ...formats.gold_text import GoldText


def read_corpus(
    corpus: Path, limit: int = 0, annotate: str = "ents", spans_key: str = "sc"
) -> list[GoldText]:
    """The first texts of a `.spacy` file with their entities, blank ones left out.

    Of a Doc that is not annotated the whole text is `unknown`. limit: 0 takes all. annotate,
    spans_key: where the entities are (`GoldSource`).

    Raises ValueError for a corpus without texts, and a file of another kind.
    """
    source = GoldSource(annotate, spans_key)
    docs = [doc for doc in read_docs(corpus, Vocab()) if doc.text.strip()]
    if not docs:
        raise ValueError(f"{corpus} holds no text")
    return [
        source.read(doc) or GoldText(doc.text, (), unknown=source.unknown(doc))
        for doc in docs[: limit or None]
    ]
