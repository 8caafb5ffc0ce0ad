"""How a model is trained on somebody's texts: which of its weights, how long, scored on what.

All numbers are chosen here; `recipe.cfg` beside this module has what is always the same.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...learning.held_out import share_of
from ...plurals import count, verb

SMALL = 50_000_000  # weights; a model of fewer is trained whole
LEAST_RATE = 0.5  # of a recipe's rate, however few words there are
_COMPONENT = "components.padellm_ner"


@dataclass(frozen=True)
class Recipe:
    """settings: by their dotted names in a config. rate: the highest learning rate, of texts that
    have so many words in all (rate_words) or more; of fewer it falls with the square root, as many
    small steps keep more of what a model knows. steps_by_root: steps for each square root of a
    word; least_steps, most_steps: within these; evaluations: a run. least_between: steps between
    two of them. warmup: the part of the steps in which the rate rises, at most most_warmup."""

    rate: float
    rate_words: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps_by_root: float = 2.83
    least_steps: int = 200
    most_steps: int = 2_000
    evaluations: int = 10
    least_between: int = 10
    warmup: float = 1 / 8
    most_warmup: int = 50


WHOLE = Recipe(
    0.001,
    settings={
        f"{_COMPONENT}.window": 256,  # a base that reads short windows learns longer ones
        f"{_COMPONENT}.overlap": 32,
        "training.dropout": 0.1,
        "training.batcher.size": 600,
        "training.optimizer.L2": 0.01,
    },
)
# Of a model that points already, as it was taught many labels.
POINTING = replace(WHOLE, rate=0.0003, rate_words=20_000)
ADAPTER = Recipe(
    0.0005,
    settings={
        f"{_COMPONENT}.window": 512,
        f"{_COMPONENT}.overlap": 64,
        f"{_COMPONENT}.model.peft": {
            "method": "lora",
            "rank": 8,
            "alpha": 16,
            "dropout": 0.05,
            "targets": None,
            "options": {},
        },
        "training.dropout": 0.1,
        "training.batcher.size": 400,
        "training.optimizer.L2": 0.0,
    },
)

# Of an adapter that is there already: it goes on as it is, more slowly where it knows how to point.
ADAPTER_ON = replace(
    ADAPTER,
    settings={k: v for k, v in ADAPTER.settings.items() if not k.endswith(".model.peft")},
)
POINTING_ADAPTER = replace(ADAPTER_ON, rate=0.0003)

# Of texts that are held out, where there are no others to score on.
DEV_SHARE = 0.2
LEAST_DEV = 5
MOST_DEV = 500


def choose_recipe(weights: int, points: bool, adapted: bool = False) -> Recipe:
    """weights: of the model, how many. points: whether it has learned to point at mentions.
    adapted: whether it has an adapter."""
    if adapted:
        return POINTING_ADAPTER if points else ADAPTER_ON
    if weights >= SMALL:
        return ADAPTER
    return POINTING if points else WHOLE


def choose_rate(recipe: Recipe, words: int) -> float:
    """words: of all texts to learn from. Two digits."""
    part = math.sqrt(words / recipe.rate_words) if recipe.rate_words else 1.0
    return float(f"{recipe.rate * min(max(part, LEAST_RATE), 1.0):.1e}")


def choose_steps(recipe: Recipe, words: int) -> int:
    """words: of all texts to learn from."""
    steps = round(recipe.steps_by_root * math.sqrt(words), -1)
    return int(min(max(steps, recipe.least_steps), recipe.most_steps))


def schedule(recipe: Recipe, steps: int) -> dict[str, int]:
    """Settings of a training of so many steps, by their dotted names."""
    between = max(round(steps / recipe.evaluations), recipe.least_between)
    return {
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": min(
            int(steps * recipe.warmup), recipe.most_warmup
        ),
        "training.eval_frequency": max(min(between, steps), 1),
    }


def choose_dev_share(places: Iterable[float], with_spans: Iterable[float]) -> float:
    """The `dev_share` of a corpus: a fifth of its different texts, at least `LEAST_DEV`, at most
    `MOST_DEV`, never more than half of them. On either side is a text that has spans, for which
    more than `MOST_DEV` are held out where need be.

    places: of the texts (`place_of` in `held_out`); with_spans: of those that have spans. Raises
    ValueError where there are too few of either for two parts.
    """
    texts, spans = sorted(set(places)), sorted(set(with_spans))
    half = len(texts) // 2
    least = texts.index(spans[0]) + 1 if spans else half
    if len(spans) < 2 or least > half:
        raise ValueError(
            f"{count(len(texts), 'different text')}, {len(spans):,} with entities, "
            f"{verb(len(texts), 'is', 'are')} too few to hold some out for evaluation: add "
            f"more texts, or pass evaluation texts with --dev"
        )
    wanted = min(max(round(len(texts) * DEV_SHARE), LEAST_DEV), MOST_DEV, half)
    return share_of(texts, min(max(wanted, least), texts.index(spans[-1])))
