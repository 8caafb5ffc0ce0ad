"""Scores of the component: span F1 as spaCy has it, and the paper's string-set F1."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from spacy.language import Language
from spacy.pipeline.spancat import spancat_score
from spacy.scorer import get_ner_prf
from spacy.tokens import Span
from spacy.training import Example

from ..formats.doc_gold import GoldSource
from ..formats.gold_text import GoldText
from ..spans.scoring import string_set_scores

logger = logging.getLogger(__name__)


def score_ner(
    examples: Iterable[Example], *, annotate: str = "ents", spans_key: str = "sc", **kwargs: Any
) -> dict[str, Any]:
    """`ents_p/r/f/per_type` or `spans_KEY_p/r/f/per_type`, and `strings_p/r/f/per_type`.

    As spaCy scores: Docs without gold annotation are left out, and what is predicted on a token
    without it is neither right nor wrong; nor is what is predicted under a label that was not
    looked for in a Doc (`doc._.padellm_labels`). The last are the paper's: distinct (label,
    string) pairs a text. All are None where no example has gold annotation.
    """
    source = GoldSource(annotate, spans_key)
    read = [(source.read(eg.reference), eg) for eg in examples]
    known = [(gold, _of_annotated_labels(eg, gold, source)) for gold, eg in read if gold]
    examples = [example for _, example in known]
    if annotate == "spans":
        scores = spancat_score(examples, spans_key=spans_key, allow_overlap=True)
    else:
        scores = get_ner_prf(examples)
    strings = string_set_scores(
        [{(label, gold.text[start:end]) for start, end, label in gold.spans} for gold, _ in known],
        [_found_strings(gold, example, source) for gold, example in known],
    )
    for key in ("p", "r", "f"):
        scores[f"strings_{key}"] = strings[key] if known else None
    per_type = {
        label: {key: found[key] for key in ("p", "r", "f")}
        for label, found in strings["per_type"].items()
    }
    scores["strings_per_type"] = per_type if known else None
    return scores


def make_ner_scorer() -> Callable[..., dict[str, Any]]:
    """Precision, recall and F1 of spans, overall and by label, and of the distinct label and string
    pairs of each text (`strings_f`), as the paper scores."""
    return score_ner


def warn_of_score_weights(name: str, spans_key: str, nlp: Language) -> None:
    """Without a weight on scores that there are, training would keep any model as the best.

    name, spans_key: of a component that annotates spans.
    """
    weights = nlp.config["training"]["score_weights"]
    wanted = f"spans_{spans_key}_f"
    if any(weights.get(key) for key in ("ents_f", "ents_p", "ents_r")) and not any(
        key.startswith(wanted[:-1]) and weight for key, weight in weights.items()
    ):
        logger.warning(
            "%s: annotate = 'spans' gives no ents_f, on which [training.score_weights] puts "
            "weight: set ents_f = null and %s = 1.0 there, or model-best is not the best",
            name,
            wanted,
        )


def _of_annotated_labels(example: Example, gold: GoldText, source: GoldSource) -> Example:
    """Both Docs with the spans of the labels that were looked for."""
    if not gold.labels:
        return example
    docs = example.predicted.copy(), example.reference.copy()
    for doc in docs:
        if source.annotate == "spans":
            group = doc.spans.get(source.spans_key, ())
            doc.spans[source.spans_key] = [span for span in group if span.label_ in gold.labels]
        else:
            missing = [doc[token.i : token.i + 1] for token in doc if token.ent_iob == 0]
            doc.set_ents([e for e in doc.ents if e.label_ in gold.labels], missing=missing)
    return Example(*docs)


def _found_strings(gold: GoldText, example: Example, source: GoldSource) -> set[tuple[str, str]]:
    """What is predicted where gold says if it is right."""
    found = source.spans(example.predicted) or ()
    if gold.unknown:
        found = [span for span in found if _is_judged(gold, example, span)]
    return {(span.label_, span.text) for span in found}


def _is_judged(gold: GoldText, example: Example, span: Span) -> bool:
    """Both Docs may have tokens, and white space, of their own."""
    tokens = example.alignment.x2y[span.start : span.end]
    if not len(tokens):
        return False
    there = example.reference[int(tokens[0]) : int(tokens[-1]) + 1]
    return gold.judges((span.label_, there.start_char, there.end_char))
