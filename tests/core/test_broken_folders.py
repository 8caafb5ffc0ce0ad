"""What others put into a model's folder: read, or refused at once with the file and the mend."""

import json
import random
import time
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_padellm.models.files.json_file import read_checked
from spacy_padellm.models.files.schemas import SettingsFile
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.prompts.template import MOST_COUNT

from .folders import MOST_SECONDS, change, check, copy

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
    """Each field is left out or has a value of another kind."""
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
    assert n_refused


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_settings_are_read_as_they_were_written_or_not_at_all(data, folders, tmp_path):
    """Nothing is converted: what is read has the types that are written."""
    written = json.loads((folders[0] / "padellm.json").read_text())
    values = st.sampled_from(VALUES) | st.text(max_size=5) | st.integers() | st.booleans()
    for field in data.draw(st.sets(st.sampled_from(sorted(written)), min_size=1, max_size=2)):
        written[field] = deepcopy(data.draw(values))  # it may be changed below
    if isinstance(written["template"], dict) and written["template"] and data.draw(st.booleans()):
        field = data.draw(st.sampled_from(sorted(written["template"])))
        written["template"][field] = data.draw(values)
    path = tmp_path / "padellm.json"
    path.write_text(json.dumps(written))
    try:
        read = read_checked(path, SettingsFile)
    except ValueError as error:
        assert "padellm.json is broken" in str(error)
        return
    for field in ("labels", "descriptions", "max_count", "window", "start_threshold"):
        assert getattr(read, field) == written.get(field)
        assert type(getattr(read, field)) is type(written.get(field))


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("padellm.json", {"labels": "PER"}, r"labels is 'PER'.*array"),
        ("padellm.json", {"labels": ["PER", "PER"]}, "twice"),
        ("padellm.json", {"labels": [f"L{i}" for i in range(100_000)]}, "100000 labels, and 20000"),
        ("padellm.json", {"max_count": 10**18}, f"max_count.*{MOST_COUNT}"),
        ("padellm.json", {"start_threshold": 1.5}, "start_threshold"),
        ("padellm.json", {"calibration": {"slope": 1e400, "intercept": 0.0}}, "slope"),
        ("padellm.json", {"base": {"name": 5}}, "base.name is 5"),
        ("config.json", {"num_hidden_layers": 1_000_000}, "num_hidden_layers is 1000000"),
        ("config.json", {"num_hidden_layers": 900}, "900 layers.*do not belong together"),
        ("config.json", {"head_dim": 10**6}, "heads.*do not belong together"),
        ("config.json", {"hidden_size": "large"}, r"\(Field 'hidden_size' expected int"),
        ("config.json", {"rope_theta": float("inf")}, "rope_theta is not a finite"),
        ("config.json", {"rope_theta": {"__float__": "-Infinity"}}, "rope_theta is not a finite"),
        ("config.json", {"attention_dropout": float("nan")}, "attention_dropout is not a finite"),
        ("config.json", {"time_step_limit": [0.0, float("nan")]}, "time_step_limit is not a"),
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
