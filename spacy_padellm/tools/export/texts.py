"""Texts that an exported model is compared on: those of a corpus, or sentences of newspapers' kind,
with names, numbers and several scripts."""

import sys
from collections.abc import Sequence
from pathlib import Path

import spacy

from ...formats.guess import Format
from ...pipeline.corpora import make_corpus
from ...prompts.encoding import PromptEncoder

MOST_TOKENS = 256  # of a text

SAMPLE_TEXTS = (
    "Ada Lovelace met Charles Babbage in London on 5 June 1833, at a party of Mary Somerville.",
    "The European Space Agency launched Ariane 5 from Kourou, French Guiana, at 09:20 on Saturday.",
    "Nobody came.",
    "Shares of Nestlé fell 2.4% in Zürich after Reuters had reported on talks with Danone.",
    "Marie Curie, born in Warsaw, won the Nobel Prize in Physics in 1903 with Pierre Curie and "
    "Henri Becquerel, and that in Chemistry in 1911; she is still the only person who has received "
    "it in two sciences.",
    "in 2012 psy's gangnam style was the first video on youtube with a billion views",
    "São Paulo beat Boca Juniors 3-1 at the Morumbi on Wednesday; Kaká scored twice.",
    "The Treaty of Waitangi was signed on 6 February 1840 by representatives of the British Crown "
    "and Māori chiefs of the North Island of New Zealand.",
    "小明在北京大学学习,他的老师王教授来自上海。",
    "Der Bundestag in Berlin wählte Angela Merkel am 22. November 2005 zur Bundeskanzlerin.",
    "Please send the invoice to accounts@example.com by Friday, or call Mrs. O'Brien-Smith.",
    "",
)


def shorten(
    encoder: PromptEncoder, texts: Sequence[str], max_positions: int | None
) -> tuple[str, ...]:
    """Texts of at most `MOST_TOKENS`, and half of what the model takes at once: the component reads
    longer ones in windows."""
    most = min(MOST_TOKENS, (max_positions or sys.maxsize) // 2)
    return tuple(_shorten(encoder, text, most) for text in texts)


def _shorten(encoder: PromptEncoder, text: str, most: int) -> str:
    ends = [end for _, end in encoder.encode_text(text).offsets]
    return text if len(ends) <= most else text[: ends[most - 1]]


def read_texts(path: Path, limit: int = 0, corpus_format: Format | None = None) -> tuple[str, ...]:
    """The first texts of a file or folder, blank ones left out, whatever is annotated in them.

    limit: 0 takes all. corpus_format: None to tell from the file. Raises FormatError, naming file
    and line, for what cannot be read, and ValueError for a corpus without texts.
    """
    examples, _ = make_corpus(path, corpus_format).read(spacy.blank("en"))
    texts = [eg.reference.text for eg in examples if eg.reference.text.strip()]
    if not texts:
        raise ValueError(f"{path} holds no text")
    return tuple(texts[: limit or None])
