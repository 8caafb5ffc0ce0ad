"""Fixtures: a tiny random model, a pipeline trained in seconds, a scripted decoder."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import spacy
import torch
from sample_pipelines import SENTENCES, SIZES, TEXTS, add_scratch_pipe, make_examples
from spacy.util import fix_random_seed

from spacy_padellm.architectures.shim import CausalLMShim
from spacy_padellm.lm.language_model import LanguageModel
from spacy_padellm.logs import told
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.make import create_model, train_tokenizer
from spacy_padellm.models.model_settings import ModelSettings
from spacy_padellm.models.save import save_model
from spacy_padellm.prompts.template import COMPACT, PLAIN
from spacy_padellm.spans.prediction import Count, Mention, Prediction

torch.set_num_threads(1)
collect_ignore = ["small"]  # of another installation: `exported/test_small_install.py`


@pytest.fixture(autouse=True)
def all_warnings():
    """As in a new process."""
    told.clear()


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
    loaded = LoadedModel(
        LanguageModel(model, tokenizer), ModelSettings(COMPACT, ("PER", "LOC"), max_count=4)
    )
    save_model(loaded, folder, "full")
    return folder


@pytest.fixture(scope="session")
def plain_lm_folder(tmp_path_factory) -> Path:
    """A random pretrained model as others save it: no settings of ours, no special tokens."""
    torch.manual_seed(1)
    tokenizer = train_tokenizer([*TEXTS, *SENTENCES], 500, template=PLAIN)
    folder = tmp_path_factory.mktemp("lm") / "plain"
    create_model(tokenizer, "llama", **SIZES).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
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
    asked: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def plan(self, texts, labels=()):
        return [(text.text, text.labels or labels) for text in texts]

    def decode(self, asked) -> list[Prediction]:
        self.asked.append([text for text, _ in asked])
        return [self._say(text, labels) for text, labels in asked]

    def _say(self, text, labels):
        said = self.script.get(text, [])
        if isinstance(said, Exception):
            raise said
        mentions = []
        for index, (label, string, probability) in enumerate(said, 1):
            start = text.find(string)
            place = (start, start + len(string)) if start >= 0 else (None, None)
            mentions.append(Mention(label, index, string, *place, probability, (probability,)))
        counts = [Count(label, sum(m.label == label for m in mentions), 0.9) for label in labels]
        return Prediction(counts, mentions)


@pytest.fixture
def scripted(random_nlp, monkeypatch):
    """`scripted(script, **settings)` gives a pipeline whose model follows the script, and the
    texts it was asked about, a list a call."""

    def make(script, **settings):
        nlp = random_nlp(**settings)
        asked: list = []
        real = CausalLMShim.make_decoder
        monkeypatch.setattr(
            CausalLMShim,
            "make_decoder",
            lambda *args: ScriptedDecoder(real(*args), script, asked),
        )
        return nlp, asked

    return make
