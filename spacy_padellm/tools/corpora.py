"""Annotated texts for commands: every format that training reads, as it reads them."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..formats.doc_gold import GoldSource
from ..formats.docbin import AlignmentMode
from ..formats.guess import Format
from ..formats.reading import check_offsets
from ..pipeline.component import PaDeLLMNER
from ..pipeline.corpora import make_corpus, make_example, messages_of, what_is_new
from ..pipeline.training_texts import report_unknown
from ..plurals import count, verb

logger = logging.getLogger(__name__)


def read_annotated(
    path: Path,
    source: GoldSource,
    nlp: Language | None = None,
    corpus_format: Format | None = None,
    alignment_mode: AlignmentMode | None = None,
) -> list[Example]:
    """The texts of a file or folder, blank ones left out; what could not be kept as it was is
    logged.

    source: where the entities are wanted; those of a text that is annotated elsewhere alone are
    moved there. nlp: tokenizes texts without tokens; None for a blank English pipeline.
    corpus_format: None to tell from the file. alignment_mode: of spans off the tokens; None for
    "contract", unless most of them are. Raises FormatError, naming file and line, for what cannot
    be read, and ValueError for a corpus without texts, and where most spans are off the tokens and
    nobody says what is to become of them.
    """
    annotate: Any = source.annotate
    reader = make_corpus(
        path,
        corpus_format,
        annotate=annotate,
        spans_key=source.spans_key,
        alignment_mode=alignment_mode or "contract",
    )
    examples, reading = reader.read(nlp or spacy.blank("en"))
    if alignment_mode is None or reading.mostly_lost:
        check_offsets(reading, "--alignment-mode")
    for message in what_is_new(messages_of(reading)):
        logger.warning("%s", message)
    examples = [example for example in examples if example.reference.text.strip()]
    if not examples:
        raise ValueError(f"{path} holds no text")
    return examples


def read_gold(
    path: Path,
    nlp: Language,
    pipe: PaDeLLMNER,
    corpus_format: Format | None = None,
    alignment_mode: AlignmentMode | None = None,
    limit: int = 0,
) -> list[Example]:
    """What the predictions of `pipe` are held against. limit: texts to take, 0 for all. Raises
    ValueError as `read_annotated` and `check_labels`."""
    examples = read_annotated(path, pipe.gold_source, nlp, corpus_format, alignment_mode)
    examples = examples[: limit or None]
    for message in check_labels(path, examples, pipe):
        logger.warning("%s", message)
    return examples


def check_labels(path: Path, examples: Iterable[Example], pipe: PaDeLLMNER) -> list[str]:
    """What to say of labels that only the texts have, or only the pipeline. Where texts say which
    were looked for (`doc._.padellm_labels`), the pipeline is asked for these. Raises ValueError
    where they share none."""
    if not pipe.labels:
        return []
    golds = [gold for example in examples if (gold := pipe.gold_source.read(example.reference))]
    found = Counter(label for gold in golds for _, _, label in gold.spans)
    unknown = Counter(
        label
        for gold in golds
        for _, _, label in gold.spans
        if label not in (gold.labels or pipe.labels)
    )
    asked = {label for gold in golds for label in gold.labels or pipe.labels}
    mend = (
        "If a label has another name there, rename it: `python -m spacy padellm convert` with "
        "--labels-map OLD=NEW"
    )
    if found and found == unknown:
        raise ValueError(
            f"no label of {path} is one of the pipeline: the texts have {_list(found)}, and the "
            f"pipeline looks for {', '.join(pipe.labels)}. {mend}"
        )
    said = []
    if unknown:
        said.append(
            f"{path} has entities that the pipeline does not look for: {_list(unknown)}. {mend}"
        )
    if found and (missing := [label for label in pipe.labels if label in asked - {*found}]):
        said.append(
            f"{path} has no entity of {', '.join(missing)}: whatever the pipeline finds of "
            f"{verb(len(missing), 'it', 'them')} counts as wrong. If nobody looked for "
            f"{verb(len(missing), 'it', 'them')} in these texts, save them as a .spacy file whose "
            f"Docs name the labels that were looked for in `doc._.padellm_labels`"
        )
    return said


def check_entities(path: Path, examples: Sequence[Example], pipe: PaDeLLMNER) -> None:
    """Raises ValueError where the texts have no entity, so that whatever is found is wrong."""
    source, of_texts = pipe.gold_source, f"the {count(len(examples), 'text')} of {path}"
    golds = [gold for example in examples if (gold := source.read(example.reference))]
    if not golds:
        raise ValueError(
            f"none of {of_texts} is annotated in {source.place}: give texts with their entities"
        )
    if not any(gold.spans for gold in golds):
        raise ValueError(
            f"none of {of_texts} has an entity, so that nothing which the pipeline finds could be "
            f"right: give texts that somebody has annotated"
        )


def read_examples(nlp: Language, docs: Iterable[Doc]) -> list[Example]:
    """Of annotated Docs; blank ones are left out. Raises ValueError where there is none left."""
    examples = [make_example(nlp, doc) for doc in docs if doc.text.strip()]
    if not examples:
        raise ValueError("the corpus holds no text")
    return examples


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{label} ({n:,})" for label, n in counts.most_common())


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
        texts = count(len(examples), "text")
        raise ValueError(f"none of the {texts} is annotated in {source.place}")
    docs = nlp.pipe((example.predicted for example in examples), batch_size=batch_size)
    for example, doc in zip(examples, docs, strict=True):
        example.predicted = doc
        step(1)
    return pipe.score(examples)
