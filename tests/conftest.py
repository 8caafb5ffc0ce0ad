"""Fixtures for all tests: a tiny random model, a pipeline trained in seconds, a scripted decoder."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import spacy
import torch
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_padellm import component
from spacy_padellm.loading import LoadedModel, load_model, ModelSource, save_model
from spacy_padellm.lm import LanguageModel
from spacy_padellm.prompts import COMPACT
from spacy_padellm.training.scratch import create_model, train_tokenizer
from spacy_padellm.types import Count, Mention, Prediction

torch.set_num_threads(1)

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


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory) -> Path:
    """A pipeline made from scratch that has learned `SENTENCES`."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    add_scratch_pipe(nlp)
    examples = make_examples(nlp, 200)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    draw = random.Random(0)
    for _ in range(150):
        nlp.update(draw.sample(examples, 16), sgd=optimizer)
    folder = tmp_path_factory.mktemp("trained") / "pipeline"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def trained(trained_folder):
    return spacy.load(trained_folder)


@pytest.fixture(scope="session")
def lm_folder(tmp_path_factory) -> Path:
    """A random model with labels PER and LOC, as `save_model` writes it; emits many mentions."""
    torch.manual_seed(1)
    tokenizer = train_tokenizer([*TEXTS, *SENTENCES], 500, ("PER", "LOC"), COMPACT, 4)
    sizes = {**SIZES, "hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.3}
    model = create_model(tokenizer, "llama", **sizes).eval()
    folder = tmp_path_factory.mktemp("lm") / "random"
    loaded = LoadedModel(LanguageModel(model, tokenizer), COMPACT, ("PER", "LOC"), {}, 4)
    save_model(loaded, folder, "full")
    return folder


@pytest.fixture
def random_nlp(lm_folder):
    """A blank English pipeline with the random model."""

    def make(**settings):
        nlp = spacy.blank("en")
        model = {"name": str(lm_folder), **settings.pop("model", {})}
        nlp.add_pipe("padellm_ner", config={"model": model, **settings})
        return nlp

    return make


@pytest.fixture
def random_lm(lm_folder) -> LoadedModel:
    return load_model(ModelSource(str(lm_folder)))


@dataclass
class ScriptedDecoder:
    """Says what it is told: for each text (label, mention string, probability), in order.

    A string takes its first occurrence in the text; one that is not there has no place. A text
    that is an exception in the script raises it. asked: the texts of all calls.
    """

    real: object
    script: dict = field(default_factory=dict)
    copy: bool = True
    asked: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def predict(self, texts, labels) -> list[Prediction]:
        self.asked.append([text.text for text in texts])
        return [self._say(text.text, labels) for text in texts]

    def _say(self, text, labels):
        said = self.script.get(text, [])
        if isinstance(said, Exception):
            raise said
        mentions = []
        for index, (label, string, probability) in enumerate(said, 1):
            start = text.find(string)
            place = (start, start + len(string)) if start >= 0 else (None, None)
            mentions.append(Mention(label, index, string, *place, probability, (probability,)))
        counts = [
            Count(label, sum(m.label == label for m in mentions), 0.9) for label in labels
        ]
        return Prediction(counts, mentions)


@pytest.fixture
def scripted(random_nlp, monkeypatch):
    """`scripted(script, **settings)` gives a pipeline whose model follows the script, and the
    texts it was asked about, a list a call."""

    def make(script, **settings):
        nlp = random_nlp(**settings)
        asked: list = []
        real = component.Decoder
        monkeypatch.setattr(
            component,
            "Decoder",
            lambda *args, **kwargs: ScriptedDecoder(
                real(*args, **kwargs), script, kwargs.get("copy", True), asked
            ),
        )
        return nlp, asked

    return make
