import inspect
from dataclasses import fields, replace
from pathlib import Path

import pytest
import spacy
from sample_pipelines import make_examples, spans_of
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config, registry

from spacy_padellm.learning.label_noise import LabelNoise
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.make import END_OF_TEXT
from spacy_padellm.pipeline.factory import DEFAULT_CONFIG, make_padellm_ner
from spacy_padellm.pipeline.settings import Settings
from spacy_padellm.prompts.template import COMPACT, PromptTemplate
from spacy_padellm.remote.client import ServerSettings

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.cfg"))


@pytest.mark.parametrize(
    "group, name",
    [
        ("architectures", "spacy_padellm.CausalLM.v1"),
        ("architectures", "spacy_padellm.CausalLMFromScratch.v1"),
        ("scorers", "spacy_padellm.ner_scorer.v1"),
        ("misc", "spacy_padellm.PromptTemplate.v1"),
        ("factories", "padellm_ner"),
    ],
)
def test_registered_names(group, name):
    assert callable(registry.get(group, name))


def test_defaults_are_those_of_the_factory():
    settings = set(inspect.signature(make_padellm_ner).parameters) - {"nlp", "name"}
    assert settings == set(DEFAULT_CONFIG)
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner")
    filled = nlp.config["components"]["padellm_ner"]
    assert filled["model"]["name"] == "english" and filled["annotate"] == "ents"
    assert nlp.analyze_pipes()["summary"]["padellm_ner"]["assigns"][0] == "doc.ents"


def test_a_setting_that_is_assigned_is_refused():
    pipe = spacy.blank("en").add_pipe("padellm_ner")
    with pytest.raises(AttributeError, match=r"'padellm_ner': \{'threshold': 0.9\}"):
        pipe.threshold = 0.9


def test_all_that_code_can_set_is_a_setting():
    def settings_of(group, name):
        return set(inspect.signature(registry.get(group, name)).parameters)

    def names(kind):
        return {field.name for field in fields(kind)}

    template = settings_of("misc", "spacy_padellm.PromptTemplate.v1")
    assert names(PromptTemplate) - {"version"} <= template
    for name in ("spacy_padellm.CausalLM.v1", "spacy_padellm.CausalLMFromScratch.v1"):
        assert names(Hardware) <= settings_of("architectures", name)
    server = settings_of("architectures", "spacy_padellm.Server.v1")
    assert names(ServerSettings) - {"first_wait", "longest_wait"} <= server
    assert names(Settings) <= settings_of("factories", "padellm_ner")
    of_training = {"save_mode", "max_labels", "text_loss", "label_noise", "keep_raw"}
    task = settings_of("llm_tasks", "spacy_padellm.NER.v1")
    model = settings_of("llm_models", "spacy_padellm.CausalLM.v1")
    assert names(Settings) - of_training <= task | model


def test_fields_of_a_template_in_a_config():
    block = {"@misc": "spacy_padellm.PromptTemplate.v1", "preset": "compact", "copies": True}
    text = {"before_text": "", "markers": "text", "changes": {"blanks": True, "count": "<{n}>"}}
    made = registry.resolve({"template": {**block, **text}})["template"]
    expected = {"copies": True, "before_text": "", "markers": "text", "blanks": True}
    assert made == replace(COMPACT, **expected, count="<{n}>")
    with pytest.raises(ValueError, match="copy"):
        registry.resolve({"template": {**block, "copy": True}})


def test_label_noise_of_labels_that_no_entry_can_be_named_after():
    noise = {"names": [["a:b", ["c"]]], "rename": 1.0}
    pipe = spacy.blank("en").add_pipe("padellm_ner", config={"label_noise": noise})
    assert LabelNoise.read(pipe.settings.label_noise).names == {"a:b": ["c"]}
    with pytest.raises(
        ValueError, match=r"label_noise.names: 'a:b'.*pairs, \[\['a:b', \['c'\]\]\]"
    ):
        noise = {"names": {"a:b": ["c"]}}
        spacy.blank("en").add_pipe("padellm_ner", config={"label_noise": noise})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_complete(path):
    config = load_config(path, interpolate=False)
    overrides = {"paths.base": "some/model"} if "base" in config["paths"] else {}
    config = load_config(path, overrides=overrides, interpolate=False)
    nlp = load_model_from_config(config, auto_fill=False, validate=True)
    assert nlp.pipe_names == ["padellm_ner"]
    settings = nlp.get_pipe("padellm_ner").settings
    assert settings.overlap is None or settings.overlap <= (settings.window or 0) / 2
    assert registry.resolve(config.interpolate()["training"])["optimizer"].learn_rate >= 0


def test_there_are_configs():
    assert {"padellm_scratch", "padellm_lora", "padellm_finetune"} <= {
        path.stem for path in CONFIGS
    }


def corpus(folder: Path) -> dict[str, str]:
    nlp = spacy.blank("en")
    places = {}
    for part, n, seed in (("train", 200, 0), ("dev", 30, 1)):
        docs = [example.reference for example in make_examples(nlp, n, seed)]
        DocBin(docs=docs).to_disk(folder / f"{part}.spacy")
        places[f"paths.{part}"] = str(folder / f"{part}.spacy")
    return places


SMALL = {
    "components.padellm_ner.model.sizes.hidden_size": 64,
    "components.padellm_ner.model.sizes.intermediate_size": 128,
    "components.padellm_ner.model.sizes.num_hidden_layers": 2,
    "components.padellm_ner.model.vocab_size": 600,
}


@pytest.mark.slow
def test_spacy_train_from_scratch(tmp_path, monkeypatch, capfd):
    """The scores rise, and the saved pipeline gives the same spans in another place."""
    steps = {"training.max_steps": 150, "training.eval_frequency": 50, "nlp.batch_size": 16}
    rate = {"training.optimizer.learn_rate.initial_rate": 0.004}
    words = {"training.batcher.size": 100, "training.accumulate_gradient": 2}
    overrides = {**corpus(tmp_path), **SMALL, **steps, **rate, **words}
    config = next(path for path in CONFIGS if path.stem == "padellm_scratch")
    train(config, tmp_path / "out", overrides=overrides)
    printed = [line.split() for line in capfd.readouterr().out.splitlines()]
    rows = [row for row in printed if len(row) > 3 and row[0].isdigit() and row[1].isdigit()]
    f1 = [float(row[3]) for row in rows]
    assert f1[0] < 20 and max(f1) > 80

    best = spacy.load(tmp_path / "out" / "model-best")
    texts = [example.reference.text for example in make_examples(best, 10, seed=2)]
    expected = [spans_of(doc) for doc in best.pipe(texts)]
    (tmp_path / "out" / "model-best").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "out")
    moved = spacy.load("../moved")
    assert [spans_of(doc) for doc in moved.pipe(texts)] == expected and any(expected)
    assert moved.meta["labels"]["padellm_ner"] == ["LOC", "PER"]
    assert moved.meta["performance"]["ents_f"] > 0.8


def test_spacy_train_with_lora(tmp_path, plain_lm_folder):
    config = next(path for path in CONFIGS if path.stem == "padellm_lora")
    steps = {"training.max_steps": 3, "training.eval_frequency": 2, "training.batcher.size": 40}
    base = {"paths.base": str(plain_lm_folder)}
    train(config, tmp_path / "out", overrides={**corpus(tmp_path), **steps, **base})
    nlp = spacy.load(tmp_path / "out" / "model-last")
    shim = nlp.get_pipe("padellm_ner").shim
    assert shim.loaded.lm.adapter and shim.loaded.template.name == "plain"
    assert nlp("Ada Lovelace lives in Paris.").has_annotation("ENT_IOB")
    assert nlp(f"Ada {END_OF_TEXT} Paris").text
