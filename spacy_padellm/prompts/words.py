"""What the words of a text look like, as hashes: lower case, first letter, ending, shape.

Tokens of a language model are parts of words, and say little of case, prefix and suffix; these
do. The same four features as spaCy's `MultiHashEmbed` (Miranda et al., Multi hash embeddings in
spaCy, 2022).
"""

import zlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import regex

from .plain_text import EncodedText
from .tree import Ints

N_FEATURES = 4
# Scripts without blanks between words: each character is one. Elsewhere marks belong to letters.
_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[{_ALONE}]|(?:(?![{_ALONE}])[\p{{L}}\p{{M}}])+|\p{{N}}+|[^\s\p{{L}}\p{{M}}\p{{N}}]"
)
_REPEATED = regex.compile(r"(.)\1{3,}")


@dataclass(frozen=True, eq=False)
class TextWords:
    """hashes: [words, 4]; an empty text has one word, of nothing. of_token: [tokens], the word
    that each token of the language model begins in. pieces: [tokens], 1 for the first token of a
    word, 2 for the last, 3 for the only one, 0 for others."""

    hashes: Ints
    of_token: Ints
    pieces: Ints


def words_of(encoded: EncodedText) -> TextWords:
    """Words are runs of letters or of digits, and other characters one by one; so are letters of
    scripts without blanks, such as Chinese and Thai."""
    places = [match.span() for match in _WORD.finditer(encoded.text)] or [(0, 0)]
    hashes = np.array([_hashes(encoded.text[start:end]) for start, end in places], dtype=np.int64)
    begins = [start for start, _ in places]
    at = [max(bisect_right(begins, start) - 1, 0) for start, _ in encoded.offsets]
    of_token = np.array(at, dtype=np.int64)
    # A blank by itself has a token in some vocabularies, and is no part of a word.
    part = np.array([start < end for start, end in encoded.offsets], dtype=bool)
    pieces = np.zeros(len(at), dtype=np.int64)
    own = of_token[part]
    if len(own):
        changes = np.diff(own) != 0
        pieces[part] = np.append(True, changes) + 2 * np.append(changes, True).astype(np.int64)
    return TextWords(hashes, of_token, pieces)


@lru_cache(65536)
def _hashes(word: str) -> tuple[int, ...]:
    features = (word.lower(), word[:1], word[-3:], _shape(word))
    return tuple(
        zlib.crc32(f"{i}{feature}".encode("utf8", "replace")) for i, feature in enumerate(features)
    )


def _shape(word: str) -> str:
    """As spaCy's `shape_`: "Apple3" is "Xxxxxd", a run of one kind at most four long."""
    kinds = "".join(
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word
    )
    return _REPEATED.sub(r"\1\1\1\1", kinds)
