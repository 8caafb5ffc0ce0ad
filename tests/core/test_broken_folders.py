"""What others put into a model's folder: read, or refused at once with the file and the mend."""

import json
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from spacy_padellm.adapter_settings import AdapterSettings
from spacy_padellm.adapters import train_adapter
from spacy_padellm.decoding import Decoder
from spacy_padellm.loading import LoadedModel, ModelSource, load_model
from spacy_padellm.model_files.json_file import read_checked
from spacy_padellm.model_files.patterns import resolve_patterns
from spacy_padellm.model_files.schemas import SettingsFile
from spacy_padellm.prompts import MOST_COUNT
from spacy_padellm.saving import save_model

DEEP = "[" * 100_000 + "]" * 100_000
# Whole files, most of which are no JSON.
FILES = {
    "empty": b"",
    "half": None,
    "deep list": DEEP.encode(),
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "many digits": b'{"format": ' + b"9" * 5000 + b"}",
    "latin-1": b'{"a": "\xe4"}',
    "nul": b"\0",
    "list": b"[]",
    "null": b"null",
    "string": b'"x"',
}
VALUES = [
    None, "PER", "no", True, -1, 10**18, 10**40, 0.5, float("nan"), [], ["a"], {}, {"a": 1},
    "\ud800", [[1]],
]  # fmt: skip
NAMES = ["padellm.json", "config.json", "tokenizer.json", "tokenizer_config.json"]
MOST_SECONDS = 8.0


@pytest.fixture(scope="module")
def folders(lm_folder, tmp_path_factory):
    """A model in a folder, and an adapter for it in another."""
    tuned = tmp_path_factory.mktemp("tuned") / "adapter"
    loaded = load_model(ModelSource(str(lm_folder)), alone=True)
    tuned_lm = train_adapter(loaded.lm, AdapterSettings(rank=2))
    save_model(replace(loaded, lm=tuned_lm), tuned, "reference")
    return lm_folder, tuned


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place") / "model"


def decode(loaded: LoadedModel) -> None:
    labels = loaded.labels or ("PER",)
    Decoder(loaded.lm, loaded.encoder(), max_count=4).predict(["Ada met Tim in Rome."], labels)


def check(folder: Path) -> str:
    """Reads and runs the model; what it was refused with, "" where it was not."""
    begun = time.monotonic()
    try:
        decode(load_model(ModelSource(str(folder)), alone=True))
        said = ""
    except ValueError as error:  # anything else fails the test
        said = str(error)
        assert "\n" not in said and "E109" not in said
        assert "trust_remote_code" not in said and "weights_only=False" not in said
    assert time.monotonic() - begun < MOST_SECONDS
    return said


def copy(source: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    return folder


def change(path: Path, **fields) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("name", [*NAMES, "generation_config.json", "adapter_config.json"])
def test_a_file_that_is_no_such_file_is_named(name, folders, place):
    source = folders[name == "adapter_config.json"]
    for content in FILES.values():
        folder = copy(source, place)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
        assert f"{name} is broken" in check(folder)
    (folder / name).write_bytes(b"\xef\xbb\xbf" + whole)
    assert name in check(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    check(folder)


def places_in(data, prefix=()):
    for key, value in data.items():
        yield (*prefix, key)
        if isinstance(value, dict) and key not in ("vocab", "descriptions"):
            yield from places_in(value, (*prefix, key))


@pytest.mark.parametrize("name", [*NAMES, "adapter_config.json"])
def test_any_field_may_be_anything(name, folders, place):
    """Each field is left out or has a value of another kind, drawn anew for each."""
    source = folders[name == "adapter_config.json"]
    data = json.loads((source / name).read_text())
    draw = random.Random(name)
    n_refused = 0
    for path in places_in(data):
        folder = copy(source, place)
        changed = json.loads((source / name).read_text())
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        if draw.random() < 0.1:
            del inner[path[-1]]
        else:
            inner[path[-1]] = draw.choice(VALUES)
        (folder / name).write_text(json.dumps(changed))
        n_refused += bool(check(folder))
    assert n_refused > 3


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_settings_are_read_as_they_were_written_or_not_at_all(data, folders, tmp_path):
    """Nothing is converted: what is read has the types that are written."""
    written = json.loads((folders[0] / "padellm.json").read_text())
    values = st.sampled_from(VALUES) | st.text(max_size=5) | st.integers() | st.booleans()
    for field in data.draw(st.sets(st.sampled_from(sorted(written)), min_size=1, max_size=2)):
        written[field] = data.draw(values)
    if isinstance(written["template"], dict) and data.draw(st.booleans()):
        field = data.draw(st.sampled_from(sorted(written["template"])))
        written["template"][field] = data.draw(values)
    path = tmp_path / "padellm.json"
    path.write_text(json.dumps(written))
    try:
        read = read_checked(path, SettingsFile)
    except ValueError as error:
        assert "padellm.json is broken" in str(error)
        return
    for field in ("labels", "descriptions", "max_count", "window"):
        assert getattr(read, field) == written.get(field)
        assert type(getattr(read, field)) is type(written.get(field))


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("padellm.json", {"labels": "PER"}, r"labels is 'PER'.*array"),
        ("padellm.json", {"labels": ["PER", "PER"]}, "twice"),
        ("padellm.json", {"labels": [f"L{i}" for i in range(100_000)]}, "at most 20000"),
        ("padellm.json", {"max_count": 10**18}, f"max_count.*{MOST_COUNT}"),
        ("padellm.json", {"calibration": {"slope": 1e400, "intercept": 0.0}}, "slope"),
        ("padellm.json", {"base": {"name": 5}}, "base.name is 5"),
        ("config.json", {"num_hidden_layers": 1_000_000}, "num_hidden_layers is 1000000"),
        ("config.json", {"num_hidden_layers": 900}, "900 layers.*do not belong together"),
        ("config.json", {"head_dim": 10**6}, "heads.*do not belong together"),
        ("config.json", {"hidden_size": "large"}, "hidden_size.*expected int"),
        ("config.json", {"text_config": {}}, "config.json.*text_config"),
        ("config.json", {"transformers_weights": "adapter_model.bin"}, "transformers_weights"),
        ("config.json", {"attn_implementation": "org/kernel"}, "never does: remove the line"),
        ("tokenizer_config.json", {"model_max_length": "x"}, "model_max_length"),
        ("tokenizer.json", {"added_tokens": [{"id": 10**9, "content": "x"}]}, "added_tokens.0.id"),
        (
            "tokenizer.json",
            {"model": {"type": "WordLevel", "vocab": {"a": 99_999_999}, "unk_token": "a"}},
            "ids up to 100000000",
        ),
        ("generation_config.json", {"pad_token_id": "x"}, "generation_config.json.*pad_token_id"),
        ("adapter_config.json", {"megatron_config": {"a": 1}}, "imports the module"),
        ("adapter_config.json", {"use_rslora": "no"}, "use_rslora is 'no', neither true nor false"),
        (
            "adapter_config.json",
            {"peft_type": "XLORA", "adapters": {"a": "/"}},
            "peft_type 'XLORA'",
        ),
        ("adapter_config.json", {"peft_type": "PREFIX_TUNING"}, "tokens of its own"),
        ("adapter_config.json", {"r": 60_000}, "rank 60000.*do not belong together"),
        ("adapter_config.json", {"layer_replication": [[0, 10**5]]}, "more than 1000 layers"),
        ("adapter_config.json", {"loftq_config": {"loftq_iter": 10**5}}, "loftq_iter"),
        ("adapter_config.json", {"init_lora_weights": "pissa_niter_99999"}, "init_lora_weights"),
        ("adapter_config.json", {"modules_to_save": ["(a+)+b"]}, "without patterns"),
    ],
)
def test_what_a_file_may_not_say(name, fields, message, folders, place):
    folder = copy(folders[name == "adapter_config.json"], place)
    change(folder / name, **fields)
    if fields.get("added_tokens"):
        fields["added_tokens"] += json.loads((folders[0] / name).read_text())["added_tokens"]
    begun = time.monotonic()
    with pytest.raises(ValueError, match=message):
        load_model(ModelSource(str(folder)), alone=True)
    assert time.monotonic() - begun < MOST_SECONDS


def test_bidirectional_is_no_word(folders, place):
    folder = copy(folders[0], place)
    template = json.loads((folder / "padellm.json").read_text())["template"]
    change(folder / "padellm.json", template={**template, "bidirectional": "no"})
    with pytest.raises(ValueError, match=r"template.bidirectional is 'no'.*boolean"):
        load_model(ModelSource(str(folder)))


# --- weights


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
    ["(a+)+b", "(.*a)*(.*a)*b", "((a|aa)+)+b", "(((a{99}){99}){99}){99}", "((", "a*" * 200],
)
@pytest.mark.parametrize("field", ["target_modules", "exclude_modules", "rank_pattern"])
def test_patterns_end(field, pattern):
    config = Config(**{field: {pattern: 4} if field == "rank_pattern" else pattern})
    begun = time.monotonic()
    try:
        resolve_patterns(config, MODULES)
    except ValueError as error:
        assert field in str(error)
    assert time.monotonic() - begun < MOST_SECONDS


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
