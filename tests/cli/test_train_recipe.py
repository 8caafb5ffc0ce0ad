"""`padellm train` of a file of texts: what is chosen by their number and the model."""

import json

import pytest
from spacy.util import load_config

from spacy_padellm.models import mixed_precision
from spacy_padellm.training.from_config.recipe import (
    ADAPTER,
    ADAPTER_ON,
    POINTING,
    POINTING_ADAPTER,
    WHOLE,
    choose_rate,
    choose_recipe,
    choose_steps,
    schedule,
)

from .config_runs import CONFIGS
from .own_data import NAMES, made, write_csv

LARGE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 50_000,
    "hidden_size": 2_048,
    "intermediate_size": 8_192,
    "num_hidden_layers": 20,
}


# Words of 50 and all 560 recipes of TASTEset, and of all sentences of BC5CDR.
@pytest.mark.parametrize(
    "words, steps, every, warmup, rate",
    [
        (0, 200, 20, 25, 1.5e-4),
        (1_760, 200, 20, 25, 1.5e-4),
        (19_700, 400, 40, 50, 3e-4),
        (118_000, 970, 97, 50, 3e-4),
        (10**7, 2_000, 200, 50, 3e-4),
    ],
)
def test_numbers_of_the_recipe(words, steps, every, warmup, rate):
    for recipe in (WHOLE, POINTING, ADAPTER, ADAPTER_ON, POINTING_ADAPTER):
        assert choose_steps(recipe, words) == steps
        assert [*schedule(recipe, steps).values()] == [steps, warmup, every]
    assert choose_rate(POINTING, words) == rate
    assert choose_rate(WHOLE, words) == WHOLE.rate > choose_rate(ADAPTER, words) == ADAPTER.rate
    assert schedule(WHOLE, 5)["training.eval_frequency"] == 5


def test_overrides_win_and_the_rest_follows(data):
    total = "training.optimizer.learn_rate.total_steps"
    overrides = {total: 60, "training.dropout": 0.4, "corpora.train.dev_share": 0.5}
    config, said = made(data, overrides)
    training = config.interpolate()["training"]
    assert training["max_steps"] == 60 and training["eval_frequency"] == 10
    assert training["optimizer"]["learn_rate"]["warmup_steps"] == 7 and training["dropout"] == 0.4
    assert config.interpolate()["corpora"]["dev"]["dev_share"] == 0.5
    assert "60 steps, evaluated every 10 steps" in said[1]
    with pytest.raises(ValueError, match="total_steps is 'many'"):
        made(data, {total: "many"})


@pytest.mark.parametrize(
    "given, told",
    [
        ({}, "200 steps, evaluated every 20 steps"),
        ({"max_steps": 5}, "5 steps of 200 planned, evaluated at the end"),
        ({"max_steps": 1}, "1 step of 200 planned, evaluated at the end"),
        ({"max_steps": 50}, "50 steps of 200 planned, evaluated every 20 steps"),
        ({"max_steps": 300}, "300 steps, evaluated every 20 steps. The learning rate is 0 from"),
        ({"max_epochs": 1}, "200 steps or 1 epoch, whichever comes first, evaluated every 20"),
        ({"max_epochs": 2, "max_steps": 0}, "2 epochs, evaluated every 20 steps. The learning"),
        ({"max_steps": 0}, "no limit (stop it with Ctrl-C), evaluated every 20 steps. The"),
        ({"max_steps": 0, "max_epochs": -1}, "no limit (stop it with Ctrl-C), evaluated every"),
        ({"patience": 30}, "200 steps or 30 steps without a better score, whichever comes"),
        ({"eval_frequency": 300}, "200 steps, evaluated at the end"),
    ],
)
def test_what_ends_the_run_is_told(given, told, tmp_path):
    path = write_csv(tmp_path / "few.csv", [(f"{n} ran.", [[0, len(n), "PER"]]) for n in NAMES])
    _, said = made(path, {f"training.{name}": value for name, value in given.items()})
    assert f"held-out texts; {told}" in said[1]


def test_a_length_that_is_none(tmp_path):
    path = write_csv(tmp_path / "few.csv", [(f"{n} ran.", [[0, len(n), "PER"]]) for n in NAMES])
    for name, value in (("max_steps", "many"), ("max_epochs", -2), ("eval_frequency", 0)):
        with pytest.raises(ValueError, match=f"training.{name} is {value!r}"):
            made(path, {f"training.{name}": value})


def test_a_large_model_gets_an_adapter(data, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    config, said = made(data, base=str(tmp_path))
    assert "1,5" in said[0] and "LoRA" in said[0]
    model = config.interpolate()["components"]["padellm_ner"]["model"]
    assert model["name"] == str(tmp_path) and model["peft"]["method"] == "lora"
    for points in (True, False):
        assert choose_recipe(50_000_000, points) is ADAPTER
    assert choose_recipe(49_999_999, False) is WHOLE
    assert choose_recipe(49_999_999, True) is POINTING
    with pytest.raises(ValueError, match=r"--base is './nowhere'"):
        made(data, base="./nowhere")
    (tmp_path / "config.json").write_text(json.dumps({**LARGE, "architectures": ["BertModel"]}))
    with pytest.raises(ValueError, match="not a causal LM"):
        made(data, base=str(tmp_path))


def without(config, *names):
    for name in names:
        *sections, last = name.split(".")
        block = config
        for section in sections:
            block = block[section]
        block.pop(last)
    return {section: dict(block) for section, block in config.items()}


@pytest.mark.parametrize("name", ["padellm_finetune", "padellm_lora"])
def test_the_shipped_configs_are_the_recipes(name, data, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    ours, _ = made(data, base=None if name == "padellm_finetune" else str(tmp_path))
    rate = "training.optimizer.learn_rate"
    steps = [f"{rate}.total_steps", f"{rate}.warmup_steps", "training.eval_frequency"]
    mixed = "components.padellm_ner.model.mixed_precision"  # as the processor is
    by_words = [*steps, f"{rate}.initial_rate"]
    strings = "training.score_weights.strings_f"  # left out of the table of scores
    apart = ["paths", "corpora", "training.patience", mixed, strings, *by_words]
    shipped = load_config(CONFIGS / f"{name}.cfg", interpolate=False)
    assert without(ours, *apart) == without(shipped, *apart)


@pytest.mark.parametrize("fast", [True, False])
def test_precision_fits_the_processor(fast, data, lm_folder, monkeypatch):
    monkeypatch.setattr(mixed_precision, "is_cpu_fast_in_bfloat16", lambda: fast)
    name = "components.padellm_ner.model.mixed_precision"
    device = {"components.padellm_ner.model.device": "cpu"}
    for given, wanted in (({}, fast), ({name: not fast}, not fast)):
        config, _ = made(data, {**device, **given}, base=str(lm_folder))
        assert config["components"]["padellm_ner"]["model"]["mixed_precision"] is wanted


def test_settings_of_an_adapter_may_be_given(data, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    rank = {"components.padellm_ner.model.peft.rank": 3}
    config, _ = made(data, rank, base=str(tmp_path))
    assert config.interpolate()["components"]["padellm_ner"]["model"]["peft"]["rank"] == 3
