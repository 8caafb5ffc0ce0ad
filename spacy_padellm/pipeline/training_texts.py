"""Gold Docs to gold texts, window by window, and what of them the model cannot learn."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from spacy.tokens import Doc
from spacy.training import Example

from ..formats.doc_gold import GoldSource
from ..formats.gold_text import GoldText, touches
from ..learning.examples import TrainingText, make_training_text
from ..learning.label_noise import LabelNoise
from ..plurals import count, verb
from ..prompts.encoding import PromptEncoder
from .doc_decoder import DocDecoder
from .doc_splitting import sentence_starts, split_doc

logger = logging.getLogger(__name__)


def report_unknown(name: str, source: GoldSource, docs: Iterable[Doc], sentences: bool) -> None:
    """Warns of Docs that say nothing, or nothing of some tokens. sentences: whether only sentences
    that are known whole count, as in training."""
    golds = [source.read(doc) for doc in docs]
    missing = sum(gold is None for gold in golds)
    if missing:
        logger.warning(
            "%s: %d of %s %s left out, since %s entities (%s) are not annotated",
            *(name, missing, count(len(golds), "Doc"), verb(missing, "is", "are")),
            *(verb(missing, "its", "their"), source.place),
        )
    partly = sum(bool(gold and gold.unknown) for gold in golds)
    if partly:
        logger.warning(
            "%s: %d of %s %s annotated in part: %s",
            *(name, partly, count(len(golds), "Doc"), verb(partly, "is", "are")),
            "only sentences of which every token is annotated are learned"
            if sentences
            else "what is predicted on tokens without annotation is neither right nor wrong",
        )


def count_labels(source: GoldSource, examples: Iterable[Example]) -> Counter[str]:
    """How many gold spans each label has; 0 for one that was looked for and not found."""
    counts: Counter[str] = Counter()
    for example in examples:
        gold = source.read(example.reference)
        if gold is not None:
            counts.update(dict.fromkeys(gold.labels, 0))
            counts.update(label for _, _, label in gold.spans)
    return counts


def gold_windows(
    source: GoldSource, examples: Iterable[Example], encoder: PromptEncoder, max_tokens: int
) -> Iterator[GoldText]:
    """Windows that cut no gold span, but for one that is longer than a window: it reaches beyond
    the text, and is reported as unaligned.

    Docs without annotation and blank ones are left out. How many mentions a text has is only
    known where all of it is: of a Doc that is annotated in part, there are the sentences that
    are annotated whole.
    """
    for example in examples:
        doc = example.reference
        gold = source.read(doc)
        if gold is None:
            continue
        for begin, part in _known_parts(doc, gold):
            inner = [(s - begin, e - begin, x) for s, e, x in gold.spans if s >= begin]
            uncut = sorted({place[:2] for place in inner if place[0] < len(part.text)})
            for window in split_doc(part, encoder, max_tokens, whole=uncut):
                inside = tuple(
                    (start - window.start, end - window.start, label)
                    for start, end, label in inner
                    if window.start <= start < window.end
                )
                if window.text.strip():
                    yield GoldText(window.text, inside, gold.labels)


def _known_parts(doc: Doc, gold: GoldText) -> Iterator[tuple[int, Doc]]:
    """(first character, part) of the longest parts of whole sentences without unknown tokens."""
    if not gold.unknown:
        yield 0, doc
        return
    starts = [
        begins and not any(s < token.idx < e for s, e, _ in gold.spans)
        for token, begins in zip(doc, sentence_starts(doc), strict=True)
    ]
    cuts = [i for i, begins in enumerate(starts) if begins and i] + [len(doc)]
    first = last = 0
    for cut in cuts:
        sentence = doc[last:cut]
        if touches(sentence.start_char, sentence.end_char, gold.unknown):
            if first < last:
                yield doc[first].idx, doc[first:last].as_doc()
            first = cut
        last = cut
    if first < last:
        yield doc[first].idx, doc[first:last].as_doc()


def encode_gold(
    source: GoldSource,
    examples: Iterable[Example],
    decoder: DocDecoder,
    labels: tuple[str, ...],
    rng: random.Random,
    tell_labels: Callable[[set[str]], None],
) -> list[TrainingText]:
    """Targets for the windows of gold Docs, asked for the labels that were looked for in them.

    decoder: that the model will have. rng: draws labels, and other names for them, as the settings
    say. tell_labels: is told which labels the texts have. A text that was annotated for none of
    `labels` is left out.
    """
    encoder, max_labels = decoder.encoder, decoder.settings.max_labels
    noise = LabelNoise.read(decoder.settings.label_noise)
    golds = gold_windows(source, examples, encoder, decoder.window_size(labels))
    drawn = noise.draw(labels, encoder.descriptions, rng) if noise else None
    seed = rng.random()  # each text draws for itself, whichever others are with it
    if drawn:
        encoder = replace(encoder, descriptions=drawn.descriptions)
    texts = []
    found: set[str] = set()
    for gold in golds:
        found.update(gold.labels, (label for _, _, label in gold.spans))
        asked = tuple(label for label in gold.labels if label in labels)
        if gold.labels and not asked:
            continue
        gold = replace(gold, labels=asked or tuple(labels))
        gold = drawn.rename(gold) if drawn else gold
        own = random.Random(f"{seed} {gold.text}")
        texts.append(make_training_text(encoder, gold, gold.labels, max_labels, own))
    tell_labels(found)
    return texts


def report_gold(
    name: str,
    source: GoldSource,
    examples: Sequence[Example],
    decoder: DocDecoder,
    labels: tuple[str, ...],
) -> None:
    """Warns of gold that is left out of training: Docs without annotation, and spans that lie off
    the model's tokens, with examples, are more than the model counts, or are longer than a window;
    and of mentions that are learned but would be cut when they are decoded.

    name: of the component.
    """
    encoder, max_tokens = decoder.encoder, decoder.window_size(labels)
    longest = decoder.settings.max_mention_tokens
    points = getattr(decoder.decoder.lm, "points", False)
    report_unknown(name, source, (eg.reference for eg in examples), sentences=True)
    total, lost, long, beyond, cut = 0, 0, 0, 0, 0
    shown: list[str] = []
    for gold in gold_windows(source, examples, encoder, max_tokens):
        total += sum(label in labels for _, _, label in gold.spans)
        text = make_training_text(encoder, gold, labels)
        learned = (*text.mentions, *(text.beyond if points else ()))
        beyond += 0 if points else len(text.beyond)
        cut += sum(mention.end - mention.start > longest for mention in learned)
        for start, end, label in text.unaligned:
            if end > len(gold.text):  # see `gold_windows`
                long += 1
                continue
            lost += 1
            if len(shown) < 5:
                around = gold.text[max(start - 10, 0) : end + 10]
                shown.append(f"{gold.text[start:end]!r} ({label}) in {around!r}")
    if lost:
        logger.warning(
            "%s: %d of %d gold mentions do not begin and end on tokens of the language model and "
            "are not learned, for example %s",
            *(name, lost, total, "; ".join(shown)),
        )
    if beyond:
        logger.warning(
            "%s: %d of %d gold mentions are not learned, since a window has more than %d of their "
            "label: set max_count to a higher number, or window to a lower one",
            *(name, beyond, total, encoder.max_count),
        )
    if long:
        logger.warning(
            "%s: %d of %d gold mentions are longer than a window of %d tokens and are not learned: "
            "set window to a higher number",
            *(name, long, total, max_tokens),
        )
    if cut:
        logger.warning(
            "%s: %d of %d gold mentions are longer than %d tokens, and would be cut when they are "
            "found: set max_mention_tokens to a higher number",
            *(name, cut, total, longest),
        )
