"""What is measured of a system: the cost of training, scores, and the speed of its pipeline."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from spacy.language import Language

from spacy_padellm.formats.gold_text import GoldText, Item
from spacy_padellm.spans.scoring import span_scores

BATCH = 32
WARM_UP = 2 * BATCH
LEAST_SECONDS, MOST_ROUNDS = 3.0, 5


def annotate(nlp: Language, texts: Sequence[str]) -> tuple[list[set[Item]], dict[str, float]]:
    """The entities of each text, and the seconds that it took, "cpu" and "wall"."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = [
        {(ent.label_, ent.start_char, ent.end_char) for ent in doc.ents}
        for doc in nlp.pipe(texts, batch_size=BATCH)
    ]
    return found, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def score(golds: Sequence[GoldText], found: Sequence[set[Item]]) -> dict[str, Any]:
    """Strict span scores, micro: a span is right if both its characters and its label are.

    "by_label" has p, r, f and n, the gold spans, of each label.
    """
    scores = span_scores([gold.items() for gold in golds], found)
    n = Counter(label for gold in golds for label, _, _ in gold.items())
    by_label = {
        label: {**{key: round(of[key], 5) for key in "prf"}, "n": n[label]}
        for label, of in scores["per_type"].items()
    }
    return {**{key: round(scores[key], 5) for key in "prf"}, "by_label": by_label}


def score_and_time(
    nlp: Language, golds: Sequence[GoldText]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Scores, and texts per second at batch 32, warm: the median of some rounds over all texts.

    "cpu" counts the seconds of the processor, "wall" those of the clock.
    """
    texts = [gold.text for gold in golds]
    annotate(nlp, texts[:WARM_UP])
    found, seconds = annotate(nlp, texts)
    rounds = [seconds]
    while len(rounds) < MOST_ROUNDS and sum(of["wall"] for of in rounds) < LEAST_SECONDS:
        rounds.append(annotate(nlp, texts)[1])
    medians = {clock: statistics.median(of[clock] for of in rounds) for clock in seconds}
    rates = {clock: round(len(texts) / seconds, 2) for clock, seconds in medians.items()}
    return score(golds, found), rates
