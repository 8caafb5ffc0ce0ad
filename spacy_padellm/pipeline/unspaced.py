"""Tokens that are phrases: a language written without spaces, in a pipeline of another one."""

import logging
import re

from spacy.tokens import Doc

from ..logs import warn_of_few

logger = logging.getLogger(__name__)

# More Han and Hiragana, or letters of Thai, Lao, Burmese or Khmer, than a word has.
_PHRASE = re.compile(
    "[\u3040-\u309f\u3400-\u9fff]{8}|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{24}"
)
_WARNING = (
    "the text has the token %r: an entity begins and ends with tokens, so none can be within "
    "this one. Use a tokenizer for this language: spacy.blank('zh') makes each character a token, "
    "those of Japanese, too"
)


def warn_of_phrases(doc: Doc) -> None:
    """Warns where a token is a phrase, in which no entity could be found."""
    if not _PHRASE.search(doc.text):
        return
    for token in doc:
        if _PHRASE.search(token.text):
            warn_of_few(logger, _WARNING, token.text[:24])
            return
