"""Docs of a batch that was decoded, with what became of each."""

from collections.abc import Iterator, Sequence
from typing import Any

from spacy.tokens import Doc

from ..decoding.text_decoder import ModelError
from .doc_decoder import DocOutcome


def hand_on(pipe: Any, docs: Sequence[Doc], outcomes: Sequence[DocOutcome]) -> Iterator[Doc]:
    """Those that have a prediction, in their order, annotated by the component `pipe`. The others
    go to its error handler, all that share an error at once."""
    handle = pipe.get_error_handler()
    sharing: dict[int, list[Doc]] = {}  # by the identity of their error
    for doc, outcome in zip(docs, outcomes, strict=True):
        if isinstance(outcome, ModelError):
            sharing.setdefault(id(outcome), []).append(doc)
    for doc, outcome in zip(docs, outcomes, strict=True):
        if isinstance(outcome, ModelError):
            if failed := sharing.pop(id(outcome), None):
                handle(pipe.name, pipe, failed, outcome)
            continue
        try:
            pipe.set_annotations([doc], [outcome])
        except Exception as error:
            handle(pipe.name, pipe, [doc], error)
        else:
            yield doc
