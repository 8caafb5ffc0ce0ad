"""Tokens that are phrases: a language written without spaces, in a pipeline of another one."""

import logging
import re

from spacy.tokens import Doc

from ..logs import warn_of_few

logger = logging.getLogger(__name__)

# More Han and Hiragana, or letters of Thai, Lao, Burmese or Khmer, than a word has.
_PHRASES = {
    re.compile("[\u3040-\u309f\u3400-\u9fff]{8}"): (
        "spacy.blank('zh') makes each character a token, those of Japanese and of Latin words, too"
    ),
    re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{24}"): (
        "spacy.blank('th') for Thai, with pythainlp; for Lao, Burmese and Khmer, spaCy has none"
    ),
}
_SHORTEST = 8  # characters of such a token, so that others are not searched
_LONGEST = 24  # characters of it that are shown
_WARNING = (
    "the text has the token %r: an entity begins and ends with tokens, so none can be within "
    "this one. Use a tokenizer for this language: %s"
)


def warn_of_phrases(doc: Doc) -> None:
    """Warns where a token is a phrase, in which no entity could be found."""
    for phrase, mend in _PHRASES.items():
        if not phrase.search(doc.text):
            continue
        for token in doc:
            if len(token) >= _SHORTEST and phrase.search(token.text):
                cut = "…" * (len(token) > _LONGEST)
                warn_of_few(logger, _WARNING, token.text[:_LONGEST] + cut, mend)
                break
