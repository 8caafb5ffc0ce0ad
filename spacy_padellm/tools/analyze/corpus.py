"""What a pipeline finds in an annotated corpus, beside what is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ...formats.gold_text import GoldText
from ...pipeline.annotation import Annotator
from ...pipeline.component import PaDeLLMNER
from ...pipeline.doc_decoder import DocPrediction
from ...pipeline.training_texts import report_unknown
from ...spans.thresholds import Threshold
from ..pipelines import run_before
from .errors import Item


@dataclass(frozen=True)
class AnalyzedText:
    """gold: spans (label, start, end in characters). counts: announced for each label, none for a
    text of which some is unknown. placed: what is found with a threshold, each span with its
    probability, where gold says if it is right."""

    text: str
    gold: set[Item]
    counts: dict[str, int]
    placed: Callable[[Threshold], dict[Item, float]] = field(repr=False)


def analyze_texts(
    nlp: Language,
    pipe: PaDeLLMNER,
    examples: Sequence[Example],
    batch_size: int = 64,
    step: Callable[[int], object] = lambda n: None,
) -> list[AnalyzedText]:
    """Runs the components before `pipe`, then the model once; thresholds are applied afterwards.

    Examples without annotation are left out, and so is what is found on tokens without it, or
    under labels that nobody looked for in a text (`doc._.padellm_labels`): `GoldText.judges`.
    step: told how many texts were done.
    """
    source = pipe.gold_source
    report_unknown(pipe.name, source, (eg.reference for eg in examples), sentences=False)
    found = []
    for start in range(0, len(examples), batch_size):
        some = examples[start : start + batch_size]
        read = [(gold, eg) for eg in some if (gold := source.read(eg.reference))]
        docs = [run_before(nlp, pipe, example.predicted) for _, example in read]
        predictions = pipe.predict(docs) if docs else []
        for (gold, _), doc, predicted in zip(read, docs, predictions, strict=True):
            counts = {
                c.label: c.value
                for c in predicted.prediction.counts
                if not gold.unknown and (not gold.labels or c.label in gold.labels)
            }
            placed = _placer(pipe, doc, predicted, gold)
            found.append(
                AnalyzedText(doc.text, gold.items(gold.labels or pipe.labels), counts, placed)
            )
        step(len(some))
    return found


def _placer(
    pipe: PaDeLLMNER, doc: Doc, predicted: DocPrediction, gold: GoldText
) -> Callable[[Threshold], dict[Item, float]]:
    settings = pipe.settings

    def placed(threshold: Threshold) -> dict[Item, float]:
        found = Annotator(replace(settings, threshold=threshold)).place(doc, predicted)
        return {
            (m.label, span.start_char, span.end_char): m.probability
            for m, span in zip(found.mentions, found.spans, strict=True)
            if gold.judges((m.label, span.start_char, span.end_char))
        }

    return placed
