"""Sentences about people and cities, and a pipeline small enough to learn them in seconds."""

import random
from dataclasses import replace

from spacy.training import Example

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
SCRATCH_MODEL = {
    "@architectures": "spacy_padellm.CausalLMFromScratch.v1",
    "sizes": SIZES,
    "vocab_size": 600,
    "max_count": 8,
    "template": {
        "@misc": "spacy_padellm.PromptTemplate.v1",
        "preset": "compact",
        "bidirectional": True,
    },
}
NAMES = ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Marie Curie", "Emmy Noether", "Tim Lee"]
CITIES = ["London", "Paris", "Rome", "Oslo", "Berlin", "Madrid"]
SENTENCES = ["{n} lives in {c}.", "In {c} we met {n}.", "{n} left {c} today.", "Nobody came."]
TEXTS = ["Ada Lovelace lives in Paris.", "In Rome we met Tim Lee.", "Nobody came.", ""]


def make_examples(nlp, n: int, seed: int = 0) -> list[Example]:
    """Sentences about people (PER) and cities (LOC)."""
    draw = random.Random(seed)
    examples = []
    for _ in range(n):
        name, city = draw.choice(NAMES), draw.choice(CITIES)
        text = draw.choice(SENTENCES).format(n=name, c=city)
        entities = [
            (text.find(string), text.find(string) + len(string), label)
            for string, label in ((name, "PER"), (city, "LOC"))
            if string in text
        ]
        examples.append(Example.from_dict(nlp.make_doc(text), {"entities": entities}))
    return examples


def add_scratch_pipe(nlp, **settings):
    return nlp.add_pipe("padellm_ner", config={"model": SCRATCH_MODEL, **settings})


def spans_of(doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def change(pipe, **settings) -> None:
    """Changes settings of a component that is in use."""
    pipe.settings = replace(pipe.settings, **settings)
