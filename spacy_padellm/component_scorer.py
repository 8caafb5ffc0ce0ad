"""Scores of the component: span F1 as spaCy has it, and the paper's string-set F1."""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.pipeline.spancat import spancat_score
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from .doc_gold import GoldSource, annotated_labels
from .scoring import string_set_scores


def score_ner(
    examples: Iterable[Example],
    *,
    annotate: str = "ents",
    spans_key: str = "sc",
    **kwargs: Any,
) -> dict[str, Any]:
    """`ents_p/r/f/per_type` or `spans_KEY_p/r/f/per_type`, and `strings_p/r/f/per_type`.

    What is predicted under a label that was not looked for in a Doc (`doc._.padellm_labels`) is
    neither right nor wrong. The last are the paper's: distinct (label, string) pairs a text. All
    are None where no example has gold annotation.
    """
    examples = [_of_annotated_labels(eg, annotate, spans_key) for eg in examples]
    if annotate == "spans":
        scores = spancat_score(examples, spans_key=spans_key, allow_overlap=True)
    else:
        scores = get_ner_prf(examples)
    gold = GoldSource(annotate, spans_key)
    annotated = [eg for eg in examples if gold.spans(eg.reference) is not None]
    strings = string_set_scores(
        [_strings(gold, eg.reference) for eg in annotated],
        [_strings(gold, eg.predicted) for eg in annotated],
    )
    for key in ("p", "r", "f"):
        scores[f"strings_{key}"] = strings[key] if annotated else None
    per_type = {
        label: {key: found[key] for key in ("p", "r", "f")}
        for label, found in strings["per_type"].items()
    }
    scores["strings_per_type"] = per_type if annotated else None
    return scores


def make_ner_scorer() -> Callable[..., dict[str, Any]]:
    """The scorer "spacy_padellm.ner_scorer.v1"."""
    return score_ner


def _of_annotated_labels(example: Example, annotate: str, spans_key: str) -> Example:
    labels = annotated_labels(example.reference)
    if labels is None:
        return example
    predicted = example.predicted.copy()
    if annotate == "spans":
        group = predicted.spans.get(spans_key, ())
        predicted.spans[spans_key] = [span for span in group if span.label_ in labels]
    else:
        predicted.set_ents([ent for ent in predicted.ents if ent.label_ in labels])
    return Example(predicted, example.reference)


def _strings(gold: GoldSource, doc: Doc) -> set[tuple[str, str]]:
    return {(span.label_, span.text) for span in gold.spans(doc) or ()}
