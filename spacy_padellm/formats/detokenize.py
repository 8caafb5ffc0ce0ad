"""Natural spacing for text that was joined by blanks: "Rome , Italy" becomes "Rome, Italy".

Characters other than spaces never change, and spans keep theirs. The rules are for English and
for scripts without spaces; other languages keep a space between words and get the punctuation.
"""

import re
from collections.abc import Sequence

from .gold_text import Place, Span

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}»”’…") | {"''", "-RRB-"}
_NO_SPACE_AFTER = frozenset("([{«“‘$£€") | {"``", "-LRB-"}
_SIGILS = frozenset("#@")
_CONTRACTION = re.compile(r"(?:n['’]t|['’](?:s|re|ve|ll|d|m))", re.IGNORECASE)
_CLOSERS = re.compile(r"[.,;:!?]{2,}")
# Han, kana, and the punctuation of full width that goes with them. Hangul is written with spaces.
_UNSPACED = re.compile(
    "[\u2e80-\u2fdf\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f"
    "\U00020000-\U0003ffff]"
)


def detokenize(tokens: Sequence[str], join_sigils: bool = True) -> list[bool]:
    """For each token whether a space follows it in natural text. Straight quotes open and close by
    turns, hyphens stay as they are, the last token is never followed by a space. join_sigils: "#"
    and "@" belong to the next token, as in tweets."""
    spaces = [True] * len(tokens)
    no_space_after = _NO_SPACE_AFTER | _SIGILS if join_sigils else _NO_SPACE_AFTER
    last = len(tokens) - 1
    open_quotes: set[str] = set()
    for i, token in enumerate(tokens):
        if i and _clings(token):
            spaces[i - 1] = False
        if token in no_space_after:
            spaces[i] = False
        if token in ('"', "'"):
            if token in open_quotes:
                open_quotes.discard(token)
                closes = True
            else:  # at the end it closes a quotation that an earlier sentence opened
                closes = i == last or (token == "'" and _is_possessive(tokens, i))
            if not closes:
                open_quotes.add(token)
                spaces[i] = False
            elif i:
                spaces[i - 1] = False
        if token == "/" and 0 < i < last:
            spaces[i - 1] = spaces[i] = False
    _close_unspaced(tokens, spaces)
    if spaces:
        spaces[-1] = False
    return spaces


def _clings(token: str) -> bool:
    """Whether a token is written on to the one before it."""
    return bool(
        token in _NO_SPACE_BEFORE or _CONTRACTION.fullmatch(token) or _CLOSERS.fullmatch(token)
    )


def _is_possessive(tokens: Sequence[str], i: int) -> bool:
    """Whether the "'" at i is that of a plural ("the players '") and opens no quotation."""
    return i > 0 and (tokens[i - 1].endswith(("s", "S")) or "'" not in tokens[i + 1 :])


def _close_unspaced(tokens: Sequence[str], spaces: list[bool]) -> None:
    """Takes the spaces out of Chinese and Japanese."""
    string = "".join(tokens)
    unspaced = len(_UNSPACED.findall(string))
    if not unspaced:
        return
    mostly = 2 * unspaced > len(string)
    characters = mostly and all(len(token) <= 1 for token in tokens)
    for i in range(len(tokens) - 1):
        left = bool(_UNSPACED.match(tokens[i][-1:]))
        right = bool(_UNSPACED.match(tokens[i + 1][:1]))
        if characters or (left and right) or (mostly and (left or right)):
            spaces[i] = False


def join_tokens(
    tokens: Sequence[str], spaces: Sequence[bool] | None = None
) -> tuple[str, list[Place]]:
    """The text, and the place of each token in it. spaces: for each token whether a blank follows;
    None for one between any two."""
    parts, places, end = [], [], 0
    for i, token in enumerate(tokens):
        follows = " " if (i + 1 < len(tokens) if spaces is None else spaces[i]) else ""
        places.append((end, end + len(token)))
        parts.append(token + follows)
        end += len(token) + len(follows)
    return "".join(parts), places


def search_tokens(text: str, tokens: Sequence[str]) -> list[Place] | None:
    """The places of tokens that make up a text with white space alone between them."""
    places, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        places.append((start, end))
    return None if text[end:].strip() else places


def respace(text: str, spans: Sequence[Span], join_sigils: bool = True) -> tuple[str, list[Span]]:
    """Applies `detokenize` to a text of tokens joined by single blanks, moving its spans.

    spans: (start, end, label) in characters, end exclusive. White space at a span's edges is
    left out; a span of white space alone is dropped.
    """
    tokens = text.split()
    new, _ = join_tokens(tokens, detokenize(tokens, join_sigils))
    old_places = [i for i, char in enumerate(text) if not char.isspace()]
    new_places = [i for i, char in enumerate(new) if not char.isspace()]
    moved = dict(zip(old_places, new_places, strict=True))
    result = []
    for start, end, label in spans:
        inside = [i for i in range(start, end) if i in moved]
        if inside:
            result.append((moved[inside[0]], moved[inside[-1]] + 1, label))
    return new, result
