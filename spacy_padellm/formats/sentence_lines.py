"""The lines of a column file, sentence by sentence, without comments and what CoNLL-U adds."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

DOCUMENT = "-DOCSTART-"
_COMMENT = re.compile(r"# +(?:[\w.:-]+ *=|newdoc\b|newpar\b)")
_TEXT = re.compile(r"# +text *= ?(.*)")
_WORD = re.compile(r"\d+[ \t]")
_NO_WORD = re.compile(r"\d+[-.]\d+[ \t]")  # a range of words, or an empty node
_ID = re.compile(r"(?:(\d+)[-._])?(\d{1,9})")
Line = tuple[int, str]


@dataclass
class SentenceLines:
    """lines: (number, line) of the tokens. text: of the comment "# text = ...". document: from 0,
    None where the file marks none. no_words: lines of CoNLL-U that are no tokens."""

    text: str | None
    document: int | None
    lines: list[Line] = field(default_factory=list)
    no_words: list[Line] = field(default_factory=list)


def read_sentences(lines: Iterable[Line], with_ids: bool) -> Iterator[SentenceLines]:
    """A blank line ends a sentence, a line -DOCSTART- begins a document. with_ids: the first column
    is not that of the tokens, so that it may be CoNLL-U's."""
    document: int | None = None
    text: str | None = None
    held: list[Line] = []
    for number, line in lines:
        is_start = line.startswith(DOCUMENT)
        if is_start or not line.strip(" \t"):
            if held:
                yield _sentence(text, document, held, with_ids)
            held, text = [], None
            if is_start:
                document = 0 if document is None else document + 1
        elif _COMMENT.match(line):
            given = _TEXT.match(line)
            text = given[1] if given else text
        else:
            held.append((number, line))
    if held:
        yield _sentence(text, document, held, with_ids)


def _sentence(
    text: str | None, document: int | None, held: list[Line], with_ids: bool
) -> SentenceLines:
    if not with_ids or not _is_conllu([line for _, line in held]):
        return SentenceLines(text, document, held)
    words = [(number, line) for number, line in held if not _NO_WORD.match(line)]
    others = [(number, line) for number, line in held if _NO_WORD.match(line)]
    return SentenceLines(text, document, words, others)


def _is_conllu(lines: Sequence[str]) -> bool:
    """Whether plain numbers count words, with ranges and empty nodes among them. Ids of other tools
    may look like a range, as "2-1" for the first word of the second sentence."""
    words = [bool(_WORD.match(line)) for line in lines]
    pairs = zip(words, lines, strict=True)
    return any(words) and all(is_word or _NO_WORD.match(line) for is_word, line in pairs)


def numbers_words(tokens: Sequence[str]) -> bool:
    """Whether these are ids of words: 1, 2, 3, or 4-1, 4-2, 5-1; from 0 or 1 in each sentence."""
    ids = [_ID.fullmatch(token) for token in tokens]
    found = [(match[1], int(match[2])) for match in ids if match]
    if len(found) < len(tokens) or found[0][1] > 1:
        return False
    first = found[0][1]
    return all(
        after == (before[0], before[1] + 1) or (after[0] != before[0] and after[1] == first)
        for before, after in pairwise(found)
    )
