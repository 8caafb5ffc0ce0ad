"""What the texts of a corpus hold, as far as a recipe asks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from spacy.language import Language
from spacy.training import Example

from ...formats.doc_gold import GoldSource
from ...learning.held_out import place_of


@dataclass(frozen=True)
class SurveyedText:
    """place: where a hash puts it (`held_out`). words: tokens of the pipeline. labels: of its
    spans."""

    place: float
    words: int
    labels: frozenset[str]


def survey(
    read: Callable[[Language], Iterable[Example]], nlp: Language, source: GoldSource
) -> list[SurveyedText]:
    """All texts that are annotated where `source` looks. Raises FormatError as the reader."""
    golds = ((example, source.read(example.reference)) for example in read(nlp))
    return [
        SurveyedText(
            place_of(gold.text), len(example), frozenset(label for _, _, label in gold.spans)
        )
        for example, gold in golds
        if gold is not None
    ]


def labels_of(texts: Sequence[SurveyedText]) -> set[str]:
    return {label for text in texts for label in text.labels}
