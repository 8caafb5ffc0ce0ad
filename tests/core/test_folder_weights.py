"""Weights and adapters in a model's folder that are missing, unsafe, or would not end."""

import contextlib
import json
import re
import shutil
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from spacy_padellm.models.files.patterns import resolve_patterns
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource

from .folders import MOST_SECONDS, change, check, copy


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def as_pickle(folder: Path) -> None:
    torch.save(weights_of(folder), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def as_shards(folder: Path, **fields) -> None:
    names = list(weights_of(folder))
    (folder / "model.safetensors").rename(folder / "one.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "one.safetensors"), **fields}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def as_half(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def with_nan(folder: Path) -> None:
    weights = weights_of(folder)
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def as_distributed(folder: Path) -> None:
    shutil.copy(
        folder / "model.safetensors", folder / "shard-00000-model-00001-of-00001.safetensors"
    )


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (as_pickle, r"pytorch_model\.bin, a pickle.*only safetensors.*python -c"),
        (as_half, r"model\.safetensors is broken"),
        (with_nan, "answers with nan"),
        (as_distributed, "save the model whole"),
        (lambda f: as_shards(f, weight_map={}), r"index\.json is broken"),
        (lambda f: as_shards(f, weight_map={"a": "../x.safetensors"}), r"index\.json is broken"),
        (lambda f: as_shards(f, weight_map={"a": "pytorch_model.bin"}), r"index\.json is broken"),
        (lambda f: as_shards(f, weight_map={"a": "gone.safetensors"}), r"lacks gone\.safetensors"),
        (lambda f: as_shards(f, metadata=None), r"index\.json is broken"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights that can be read"),
        (lambda f: (f / "config.json").unlink(), r"no config\.json"),
        (lambda f: change(f / "padellm.json", base={"name": "gone"}), "gone"),
    ],
)
def test_weights_that_are_not_there_or_not_safe(prepare, message, folders, place):
    folder = copy(folders[0], place)
    prepare(folder)
    with pytest.raises(ValueError, match=message):
        load_model(ModelSource(str(folder)))


def test_shards_are_read(folders, place):
    folder = copy(folders[0], place)
    as_shards(folder)
    assert not check(folder)


def test_weights_are_converted_as_the_message_says(folders, place, monkeypatch):
    folder = copy(folders[0], place)
    as_pickle(folder)
    monkeypatch.chdir(folder)
    exec(check(folder).split('python -c "')[1].rstrip('"'), {})
    assert not check(folder)
    folder = copy(folders[1], place)
    weights = load_file(folder / "adapter_model.safetensors")
    torch.save(weights, folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    monkeypatch.chdir(folder)
    exec(check(folder).split('python -c "')[1].rstrip('"'), {})
    assert not check(folder)


def test_a_model_with_an_adapter_among_its_files_is_refused(folders, place):
    """transformers would read the adapter by itself."""
    folder = copy(folders[0], place)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(folders[1] / name, folder / name)
    with pytest.raises(ValueError, match="set `adapter` to it"):
        load_model(ModelSource(str(folder)))


# --- patterns of adapters


class Config:
    def __init__(self, **fields):
        self.__dict__.update(fields)


MODULES = [f"model.layers.{i}.self_attn.{n}_proj" for i in range(3) for n in "qkv"] + ["a" * 60]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "(.*a)*(.*a)*b", "((a|aa)+)+b", "(((a{99}){99}){99}){99}", "((", "a*" * 200,
        "".join(f"(|{c}|{c})" for c in "model.layers.0.self_attn") + "X",
        "".join(f"(?:{c}|{c}|)" for c in "a" * 60) + "[^a]", "|".join("a" * 9_000),
        "(?=a|)" * 3_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "field",
    [
        "target_modules", "exclude_modules", "feedforward_modules", "rank_pattern",
        "alpha_pattern", "modules_to_save", "layers_pattern", "target_parameters",
    ],
)  # fmt: skip
def test_patterns_end(field, pattern):
    """Here, and in peft, which matches what is left of them with `re`."""
    fields = {"rank_pattern": {pattern: 4}, "alpha_pattern": {pattern: 4}}
    config = Config(**{field: fields.get(field, pattern)})
    begun = time.monotonic()
    try:
        resolve_patterns(config, MODULES)
    except ValueError as error:
        assert field in str(error)
    left = getattr(config, field)
    for one in [left] if isinstance(left, str) else left or ():
        for name in MODULES if left != fields.get(field, pattern) else ():
            re.match(rf"(.*\.)?({one})$", name)
    assert time.monotonic() - begun < MOST_SECONDS


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aq.*+?|()[]{}^$\\,1_-", max_size=25))
def test_what_is_left_for_peft_repeats_nothing_and_has_no_choices(pattern):
    config = Config(target_modules=pattern, rank_pattern={pattern: 4}, layers_pattern=[pattern])
    with contextlib.suppress(ValueError):
        resolve_patterns(config, MODULES)
        assert re.fullmatch(r"[\w.]+", config.layers_pattern[0])
        assert not isinstance(config.target_modules, str) or re.fullmatch(r"[\w.]+", pattern)
        for key in config.rank_pattern:
            assert key == pattern or re.sub(r"\\(.)", r"\1", key) in MODULES


def test_patterns_become_the_names_that_peft_would_find(folders, place):
    config = Config(target_modules=r".*\.(q|v)_proj", rank_pattern={r"layers\.\d+.*q_proj": 4})
    resolve_patterns(config, MODULES)
    assert config.target_modules == {name for name in MODULES if name[-6:] in ("q_proj", "v_proj")}
    assert len(config.rank_pattern) == 3 and set(config.rank_pattern.values()) == {4}
    expected = load_model(ModelSource(str(folders[1])), alone=True)
    folder = copy(folders[1], place)
    change(folder / "adapter_config.json", target_modules=r".*\.(q|v)_proj")
    found = load_model(ModelSource(str(folder)), alone=True)
    weights = dict(expected.lm.model.named_parameters())
    for name, weight in found.lm.model.named_parameters():
        assert torch.equal(weight, weights.pop(name))
    assert not weights


def test_ten_adapters_share_a_base(folders):
    """Names of adapters that begin alike are not mixed up."""
    held = [load_model(ModelSource(str(folders[1]))) for _ in range(12)]
    assert len({id(loaded.lm.model) for loaded in held}) == 1
