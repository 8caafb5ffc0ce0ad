"""Components that point at mentions, made and trained in seconds."""

import random

import spacy
from sample_pipelines import SCRATCH_MODEL, TEXTS, spans_of
from spacy.util import fix_random_seed

PRETRAINED = {"@architectures": "spacy_padellm.CausalLM.v1"}


def pointing_nlp(model=None, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "padellm_ner", config={"model": {**(model or SCRATCH_MODEL), "pointers": True}, **settings}
    )
    return nlp


def train(nlp, examples, steps=60, rate=0.003, drop=0.1):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = rate
    draw = random.Random(0)
    for _ in range(steps):
        nlp.update(draw.sample(examples, 16), sgd=optimizer, drop=drop)
    return optimizer


def found(nlp, texts=TEXTS):
    return [
        [
            (*span, round(ent._.padellm_score, 5))
            for span, ent in zip(spans_of(doc), doc.ents, strict=True)
        ]
        for doc in nlp.pipe(texts)
    ]
