"""Gold Docs to gold texts, window by window, and what of them the model cannot learn."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from spacy.tokens import Doc, Span
from spacy.training import Example

from .doc_windows import split_doc
from .encoding import PromptEncoder
from .training.examples import GoldText, TrainingText, make_training_text
from .training.label_noise import LabelNoise

logger = logging.getLogger(__name__)
LABELS = "padellm_labels"  # Doc extension: the labels that were looked for
GetExamples = Callable[[], Iterable[Example]]


if not Doc.has_extension(LABELS):
    Doc.set_extension(LABELS, default=None)


@dataclass(frozen=True)
class GoldSource:
    """Where the gold spans of a Doc are: annotate "ents", or "spans" under `spans_key`."""

    annotate: str
    spans_key: str

    def spans(self, doc: Doc) -> list[Span] | None:
        """None where the Doc is not annotated."""
        if self.annotate == "spans":
            return list(doc.spans[self.spans_key]) if self.spans_key in doc.spans else None
        # Where some tokens are unknown, what is not marked is not known to be no entity.
        known = doc.has_annotation("ENT_IOB", require_complete=True)
        return list(doc.ents) if known else None

    def report_unknown(self, name: str, get_examples: GetExamples) -> None:
        """Warns of Docs that are left out, as they have no annotation, or none of all tokens."""
        known = [self.spans(example.reference) is not None for example in get_examples()]
        if not all(known):
            logger.warning(
                "%s: %d of %d Docs are left out, since %s of them is not, or not all, annotated",
                name,
                known.count(False),
                len(known),
                "doc.ents" if self.annotate == "ents" else f"doc.spans[{self.spans_key!r}]",
            )

    def count_labels(self, get_examples: GetExamples) -> Counter[str]:
        """How many gold spans each label has."""
        counts: Counter[str] = Counter()
        for example in get_examples():
            counts.update(dict.fromkeys(annotated_labels(example.reference) or (), 0))
            counts.update(span.label_ for span in self.spans(example.reference) or ())
        return counts

    def texts(
        self, examples: Iterable[Example], encoder: PromptEncoder, max_tokens: int
    ) -> Iterator[GoldText]:
        """Windows that cut no gold span, but for one that is longer than a window: it reaches
        beyond the text, and is reported as unaligned. Docs without annotation and blank ones are
        left out."""
        for example in examples:
            doc = example.reference
            labels = annotated_labels(doc)
            spans = self.spans(doc)
            if spans is None or labels == ():
                continue
            places = [(span.start_char, span.end_char, span.label_) for span in spans]
            uncut = sorted({place[:2] for place in places})
            for window in split_doc(doc, encoder, max_tokens, whole=uncut):
                inside = tuple(
                    (start - window.start, end - window.start, label)
                    for start, end, label in places
                    if window.start <= start < window.end
                )
                if window.text.strip():
                    yield GoldText(window.text, inside, labels or ())


def annotated_labels(doc: Doc) -> tuple[str, ...] | None:
    """The labels that were looked for in a Doc (`doc._.padellm_labels`); None for all."""
    labels = doc._.get(LABELS)
    return None if labels is None else tuple(labels)


def encode_gold(
    golds: Iterable[GoldText],
    encoder: PromptEncoder,
    labels: Sequence[str],
    max_labels: int | None,
    noise: LabelNoise | None,
    rng: random.Random,
) -> list[TrainingText]:
    """Targets for gold texts, asked for the labels that were looked for in them.

    max_labels: see `make_training_text`. noise: names for the labels of this batch. A text that
    was annotated for none of `labels` is left out.
    """
    drawn = noise.draw(labels, encoder.descriptions, rng) if noise else None
    seed = rng.random()  # each text draws for itself, whichever others are with it
    if drawn:
        encoder = replace(encoder, descriptions=drawn.descriptions)
    texts = []
    for gold in golds:
        asked = tuple(label for label in gold.labels if label in labels)
        if gold.labels and not asked:
            continue
        gold = replace(gold, labels=asked or tuple(labels))
        gold = drawn.rename(gold) if drawn else gold
        own = random.Random(f"{seed} {gold.text}")
        texts.append(make_training_text(encoder, gold, gold.labels, max_labels, own))
    return texts


def report_unaligned(
    name: str,
    golds: Iterable[GoldText],
    encoder: PromptEncoder,
    labels: tuple[str, ...],
    max_tokens: int,
) -> int:
    """Logs how many gold spans lie off the model's tokens (or beyond max_count), with examples, and
    how many are longer than a window.

    They are left out of training. Returns their number.
    """
    total, lost, long = 0, 0, 0
    shown: list[str] = []
    for gold in golds:
        total += sum(label in labels for _, _, label in gold.spans)
        for start, end, label in make_training_text(encoder, gold, labels).unaligned:
            if end > len(gold.text):  # see `GoldSource.texts`
                long += 1
                continue
            lost += 1
            if len(shown) < 5:
                around = gold.text[max(start - 10, 0) : end + 10]
                shown.append(f"{gold.text[start:end]!r} ({label}) in {around!r}")
    if lost:
        logger.warning(
            "%s: %d of %d gold mentions do not begin and end on tokens of the language model (or "
            "exceed max_count) and are not learned, for example %s",
            name,
            lost,
            total,
            "; ".join(shown),
        )
    if long:
        logger.warning(
            "%s: %d of %d gold mentions are longer than a window of %d tokens and are not learned: "
            "set window to a higher number",
            *(name, long, total, max_tokens),
        )
    return lost + long
