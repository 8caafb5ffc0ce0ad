"""Annotated texts for commands: every format that training reads, as it reads them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..formats.doc_gold import GoldSource
from ..pipeline.component import PaDeLLMNER
from ..pipeline.corpora import make_corpus
from ..pipeline.training_texts import report_unknown


def read_annotated(path: Path, source: GoldSource, nlp: Language | None = None) -> list[Doc]:
    """The Docs of a file or folder, blank ones left out.

    source: where the entities are wanted; those of a text that is annotated elsewhere alone are
    moved there. nlp: tokenizes texts without tokens; None for a blank English pipeline. Raises
    FormatError, naming file and line, for what cannot be read, and ValueError for a corpus without
    texts.
    """
    annotate: Any = source.annotate
    reader = make_corpus(path, annotate=annotate, spans_key=source.spans_key)
    docs = [example.reference for example in reader(nlp or spacy.blank("en"))]
    if not any(doc.text.strip() for doc in docs):
        raise ValueError(f"{path} holds no text")
    return [doc for doc in docs if doc.text.strip()]


def read_examples(nlp: Language, docs: Iterable[Doc]) -> list[Example]:
    """Blank texts are left out. Raises ValueError where there is none left."""
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs if doc.text.strip()]
    if not examples:
        raise ValueError("the corpus holds no text")
    return examples


def score_pipeline(
    nlp: Language,
    pipe: PaDeLLMNER,
    examples: list[Example],
    batch_size: int,
    step: Callable[[int], object] = lambda n: None,
) -> dict[str, Any]:
    """Scores of one component on texts that the whole pipeline annotates, as training takes them.
    step: told how many texts were done. Raises ValueError where none of them is annotated."""
    source = pipe.gold_source
    report_unknown(pipe.name, source, (eg.reference for eg in examples), sentences=False)
    if not any(source.read(example.reference) for example in examples):
        raise ValueError(f"none of the {len(examples)} texts is annotated in {source.place}")
    docs = nlp.pipe((example.predicted for example in examples), batch_size=batch_size)
    for example, doc in zip(examples, docs, strict=True):
        example.predicted = doc
        step(1)
    return pipe.score(examples)
