"""Docs to texts that the language model can take: whole, or window by window.

Knows Docs and tokenizer costs; nothing of predictions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

from ..decoding import TextDecoder, TextInput
from ..prompts.encoding import PromptEncoder
from ..prompts.plain_text import EncodedText
from ..spans.windows import split_windows


@dataclass(frozen=True)
class DocWindow:
    """Characters start to end of a Doc, end exclusive, and their text.

    encoded: of that text, where it had to be encoded to tell its size and is whole. A part of a
    text has other tokens at its edges than within it, and is encoded by itself.
    """

    start: int
    end: int
    text: str
    encoded: EncodedText | None = None


def split_doc(
    doc: Doc,
    encoder: PromptEncoder,
    max_tokens: int,
    overlap: int = 0,
    whole: Iterable[tuple[int, int]] = (),
) -> list[DocWindow]:
    """Windows of at most `max_tokens` tokens of the language model.

    They begin at sentences, which are guessed by punctuation where the Doc has none, and within
    one that is longer than a window at any token. overlap: model tokens that a window may repeat
    of the one before. whole: characters (start, end) that no window may cut.
    What is longer than `max_tokens` by itself, a token of the Doc or one of `whole`, is cut
    between tokens of the model, so that every window fits. A Doc without tokens has no window.
    """
    text = doc.text
    if not len(doc):
        return []
    # No tokenizer of ours makes more tokens than there are bytes: most texts need no counting.
    if len(text.encode("utf8", "surrogatepass")) <= max_tokens:
        return [DocWindow(0, len(text), text)]
    begins = [token.idx for token in doc]
    sentences = sentence_starts(doc)
    for start, end in whole:
        first, last = bisect_right(begins, start), bisect_right(begins, end - 1)
        del begins[first:last], sentences[first:last]
    encoded = encoder.encode_text(text)
    if len(encoded.ids) <= max_tokens:
        return [DocWindow(0, len(text), text, encoded)]
    begins, sentences = _cut_long_units(encoded, begins, sentences, max_tokens)
    costs = _costs(encoded, begins)
    windows = []
    for window in split_windows(costs, max_tokens, overlap, sentences):
        start = begins[window.start] if window.start else 0
        end = begins[window.end] if window.end < len(begins) else len(text)
        windows.append(DocWindow(start, end, text[start:end]))
    return windows


def sentence_starts(doc: Doc) -> list[bool]:
    """Whether each token begins a sentence; of a Doc without sentences, spaCy's rule guesses."""
    if doc.has_annotation("SENT_START"):
        return [token.is_sent_start is True or token.i == 0 for token in doc]
    (guessed,) = Sentencizer().predict([doc])
    return [bool(start) for start in guessed]


def _costs(encoded: EncodedText, begins: Sequence[int]) -> list[int]:
    """Tokens of the model in each unit; units begin at the given characters."""
    costs = [0] * len(begins)
    for start, _ in encoded.offsets:
        costs[max(bisect_right(begins, start) - 1, 0)] += 1
    return costs


def _cut_long_units(
    encoded: EncodedText, begins: Sequence[int], sentences: Sequence[bool], max_tokens: int
) -> tuple[list[int], list[bool]]:
    """Units and whether they begin a sentence, those of more than `max_tokens` cut."""
    if max(_costs(encoded, begins)) <= max_tokens:
        return list(begins), list(sentences)
    may_start, _ = encoded.boundaries()
    new_begins: list[int] = []
    new_sentences: list[bool] = []
    tokens = 0  # of the model, since the last beginning
    waiting = list(zip(begins, sentences, strict=True))[::-1]
    for (start, _), may in zip(encoded.offsets, may_start, strict=True):
        while waiting and (waiting[-1][0] <= start or not new_begins):
            begin, sentence = waiting.pop()
            new_begins.append(begin)
            new_sentences.append(sentence)
            tokens = 0
        # Some room is left for the other bytes of a character that starts here.
        if may and tokens >= max(max_tokens - 4, 1):
            new_begins.append(start)
            new_sentences.append(False)
            tokens = 0
        tokens += 1
    for begin, sentence in reversed(waiting):
        new_begins.append(begin)
        new_sentences.append(sentence)
    return new_begins, new_sentences


def window_input(
    doc: Doc, window: DocWindow, on_tokens: bool, labels: tuple[str, ...]
) -> TextInput:
    """on_tokens: copied mentions begin and end where tokens of the Doc do. labels: of the Doc."""
    if not on_tokens:
        return TextInput(window.text, encoded=window.encoded, labels=labels)
    starts, ends = set(), set()
    inside = doc.char_span(window.start, window.end, alignment_mode="expand") or doc
    for token in inside:
        starts.add(token.idx - window.start)
        ends.add(token.idx + len(token) - window.start)
    return TextInput(window.text, starts, ends, window.encoded, labels)


def tokens_left(decoder: TextDecoder, labels: tuple[str, ...]) -> int | None:
    """How many tokens a text may have beside prompt and answer; None where nothing limits it."""
    limit = decoder.lm.max_positions
    if limit is None:
        return None
    prompt = decoder.encoder.prompt("", labels)
    longest = max(len(branch) for branch in prompt.branches)
    marker = len(decoder.encoder.mention_path(prompt, labels[0], 1, 1)) - len(prompt.trunk)
    answer = marker + decoder.settings.max_mention_tokens + 8
    room = limit - len(prompt.trunk) - longest - answer
    return room // decoder.encoder.template.readings
