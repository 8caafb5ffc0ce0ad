"""The factory behind `nlp.add_pipe("padellm_ner")`: its config, and the component made of it."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from thinc.api import Model

from ..architectures.causal_lm import DEFAULT_MODEL
from ..architectures.config_values import keeps_settings
from .component import PaDeLLMNER
from .example_set import Examples
from .labels import Labels, Thresholds
from .settings import Settings

DEFAULT_CONFIG: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "labels": None,
    "examples": None,
    **Settings().to_config(),
    "scorer": {"@scorers": "spacy_padellm.ner_scorer.v1"},
}


@Language.factory(
    "padellm_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "strings_f": 0.0,
    },
)
@keeps_settings("nlp", "name")
def make_padellm_ner(
    nlp: Language,
    name: str,
    model: Model,
    labels: Labels,
    examples: Examples,
    annotate: str,
    spans_key: str,
    alignment_mode: str,
    resolution: str,
    threshold: Thresholds,
    start_threshold: float | None,
    copy_constraint: bool,
    decoder: str,
    run_ahead: bool,
    token_budget: int,
    max_count: int | None,
    max_mention_tokens: int,
    window: int | None,
    overlap: int | None,
    overwrite_ents: bool,
    keep_raw: bool,
    save_mode: str,
    max_labels: int | None,
    text_loss: float,
    label_noise: dict[str, Any] | None,
    scorer: Callable | None,
) -> PaDeLLMNER:
    """Parallel-decoding named entity recognition with a causal language model.

    model: one of the models below.
    labels: names, a mapping name → description, or pairs [name, description]; None takes those
    of the model, of `examples`, or of the corpus in training. `spacy.load(config=...)` takes only
    pairs.
    examples: texts with their mentions that a model sees before each text, for one that was not
    trained to find entities: a list of {"text": ..., "ents": [[start, end, label], ...]}, or of
    spacy-llm's {"text": ..., "spans": [{"text", "is_entity", "label"}, ...]}; the path of such
    records (.jsonl, .json, .yml) or of a corpus that `padellm convert` reads; or a reader, such as
    spacy-llm's `@misc = "spacy.FewShotReader.v1"`. A saved pipeline includes them.
    scorer: the one below, or another of spaCy's.
    """
    settings = Settings.among(locals())
    return PaDeLLMNER(
        nlp.vocab,
        model,
        name,
        settings=settings,
        labels=labels,
        examples=examples,
        scorer=scorer,
    )
