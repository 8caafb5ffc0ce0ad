"""Docs of a batch that failed, tried one by one."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from spacy.tokens import Doc

from ..decoding.text_decoder import ModelError
from ..logs import first_line, warn_of_few

logger = logging.getLogger(__name__)


def one_by_one(pipe: Any, docs: Sequence[Doc], error: Exception) -> Iterator[Doc]:
    """Only those that fail go to the error handler of the component `pipe`. Where an error says
    that all would fare alike, as with a server that is down, the rest goes there at once."""
    handle = pipe.get_error_handler()
    if len(docs) == 1 or _is_of_all(error):
        handle(pipe.name, pipe, list(docs), error)
        return
    what = "%s: a batch failed, and its Docs are tried one by one (%s)"
    warn_of_few(logger, what, pipe.name, first_line(error))
    for i, doc in enumerate(docs):
        try:
            pipe.set_annotations([doc], pipe.predict([doc]))
        except Exception as own_error:
            if _is_of_all(own_error):
                handle(pipe.name, pipe, list(docs[i:]), own_error)
                return
            handle(pipe.name, pipe, [doc], own_error)
        else:
            yield doc


def _is_of_all(error: Exception) -> bool:
    return isinstance(error, ModelError) and error.of_all
