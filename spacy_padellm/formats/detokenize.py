"""Natural spacing for text that was joined by blanks: "Rome , Italy" becomes "Rome, Italy".

Characters other than spaces never change, and spans keep theirs.
"""

from collections.abc import Sequence

Span = tuple[int, int, str]

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}»”’…") | {"...", "n't", "'s", "'S", "'re", "'ve", "'ll"}
_NO_SPACE_BEFORE |= {"'d", "'m", "''", "’s", "’re", "’ve", "’ll", "’d", "’m", "n’t", "-RRB-", "N'T"}
_NO_SPACE_AFTER = frozenset("([{«“‘$£€#@") | {"``", "-LRB-"}
_CLOSERS = frozenset(".,;:!?")


def detokenize(tokens: Sequence[str]) -> list[bool]:
    """For each token whether a space follows it in natural English text.

    Straight quotes open and close by turns; the last token is never followed by a space.
    """
    spaces = [True] * len(tokens)
    open_quotes: set[str] = set()
    for i, token in enumerate(tokens):
        if i and (token in _NO_SPACE_BEFORE or _is_run_of_closers(token)):
            spaces[i - 1] = False
        if token in _NO_SPACE_AFTER:
            spaces[i] = False
        if token in ('"', "'") or (token == "''" and "``" not in tokens[:i]):
            if token in open_quotes:
                open_quotes.discard(token)
                if i:
                    spaces[i - 1] = False
            elif token == "'" and not _opens(tokens, i):
                if i:  # a possessive of a plural: "the players '"
                    spaces[i - 1] = False
            else:
                open_quotes.add(token)
                spaces[i] = False
        if token == "/" and 0 < i < len(tokens) - 1:
            spaces[i - 1] = spaces[i] = False
    if spaces:
        spaces[-1] = False
    return spaces


def _is_run_of_closers(token: str) -> bool:
    return len(token) > 1 and set(token) <= _CLOSERS


def _opens(tokens: Sequence[str], i: int) -> bool:
    return "'" in tokens[i + 1 :] and not (i and tokens[i - 1].endswith(("s", "S")))


def respace(text: str, spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """Applies `detokenize` to a text of tokens joined by single blanks, moving its spans.

    spans: (start, end, label) in characters, end exclusive. White space at a span's edges is
    left out; a span of white space alone is dropped.
    """
    tokens = text.split()
    pieces = [
        token + (" " if space else "")
        for token, space in zip(tokens, detokenize(tokens), strict=True)
    ]
    new = "".join(pieces)
    old_places = [i for i, char in enumerate(text) if not char.isspace()]
    new_places = [i for i, char in enumerate(new) if not char.isspace()]
    moved = dict(zip(old_places, new_places, strict=True))
    result = []
    for start, end, label in spans:
        inside = [i for i in range(start, end) if i in moved]
        if inside:
            result.append((moved[inside[0]], moved[inside[-1]] + 1, label))
    return new, result
