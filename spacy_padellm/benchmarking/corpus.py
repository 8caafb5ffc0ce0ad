"""Texts and gold of a `.spacy` file."""

from pathlib import Path

from spacy.vocab import Vocab

from ..doc_gold import GoldSource
from ..formats.docbin import read_docs
from ..training.examples import GoldText


def read_corpus(corpus: Path, limit: int = 0) -> list[GoldText]:
    """The first texts of a `.spacy` file with their entities, blank ones left out.

    limit: 0 takes all. Raises ValueError for a corpus without texts, and a file of another kind.
    """
    source = GoldSource("ents", "sc")
    docs = [doc for doc in read_docs(corpus, Vocab()) if doc.text.strip()]
    if not docs:
        raise ValueError(f"{corpus} holds no text")
    return [
        GoldText(
            doc.text,
            tuple((s.start_char, s.end_char, s.label_) for s in source.spans(doc) or ()),
        )
        for doc in docs[: limit or None]
    ]
