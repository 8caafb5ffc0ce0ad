"""Docs to texts that the language model can take: whole, or window by window.

Knows Docs and tokenizer costs; nothing of predictions.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from spacy.tokens import Doc

from .decoding import Decoder, TextInput
from .encoding import PromptEncoder
from .windows import split_windows


@dataclass(frozen=True)
class DocWindow:
    """Characters start to end of a Doc, end exclusive, and their text."""

    start: int
    end: int
    text: str


def split_doc(
    doc: Doc,
    encoder: PromptEncoder,
    max_tokens: int,
    overlap: int = 0,
    whole: Iterable[tuple[int, int]] = (),
) -> list[DocWindow]:
    """Windows of at most `max_tokens` tokens of the language model.

    They begin at sentences where the Doc has them, else at any token. overlap: model tokens that
    a window repeats of the one before. whole: characters (start, end) that no window may cut.
    A single token beyond `max_tokens` is a window of its own. A Doc without tokens has none.
    """
    text = doc.text
    if not len(doc):
        return []
    # No tokenizer of ours makes more tokens than there are bytes: most texts need no counting.
    if len(text.encode("utf8", "surrogatepass")) <= max_tokens:
        return [DocWindow(0, len(text), text)]
    begins = [token.idx for token in doc]
    sentences = [token.is_sent_start is True or token.i == 0 for token in doc]
    for start, end in whole:
        first, last = bisect_right(begins, start), bisect_right(begins, end - 1)
        del begins[first:last], sentences[first:last]
    costs = [0] * len(begins)
    for start, _ in encoder.encode_text(text).offsets:
        costs[max(bisect_right(begins, start) - 1, 0)] += 1
    if sum(costs) <= max_tokens:
        return [DocWindow(0, len(text), text)]
    cuts = sentences if doc.has_annotation("SENT_START") else None
    windows = []
    for window in split_windows(costs, max_tokens, overlap, cuts):
        start = begins[window.start] if window.start else 0
        end = begins[window.end] if window.end < len(begins) else len(text)
        windows.append(DocWindow(start, end, text[start:end]))
    return windows


def window_input(doc: Doc, window: DocWindow, on_tokens: bool) -> TextInput:
    """on_tokens: copied mentions begin and end where tokens of the Doc do."""
    if not on_tokens:
        return TextInput(window.text)
    starts, ends = set(), set()
    inside = doc.char_span(window.start, window.end, alignment_mode="expand") or doc
    for token in inside:
        starts.add(token.idx - window.start)
        ends.add(token.idx + len(token) - window.start)
    return TextInput(window.text, starts, ends)


def tokens_left(decoder: Decoder, labels: tuple[str, ...]) -> int | None:
    """How many tokens a text may have beside prompt and answer; None where nothing limits it."""
    limit = decoder.lm.max_positions
    if limit is None:
        return None
    prompt = decoder.encoder.prompt("", labels)
    longest = max(len(branch) for branch in prompt.branches)
    marker = len(decoder.encoder.mention_path(prompt, labels[0], 1, 1)) - len(prompt.trunk)
    return limit - len(prompt.trunk) - longest - marker - decoder.max_mention_tokens - 8
