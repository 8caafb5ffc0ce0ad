"""Numbers of config.json: what transformers' own configs say is read, what would not end is not."""

import json

import pytest
from transformers import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from spacy_padellm.models.files.bounds import MOST_LAYERS
from spacy_padellm.models.files.json_file import read_checked
from spacy_padellm.models.files.schemas import ConfigFile

# Which make a model have more modules, where they are doubled; found by trying all of them.
DEPTHS = {
    "decoder_layers", "encoder_layers", "n_layer", "n_layers", "num_blocks", "num_decoder_layers",
    "num_encoder_layers", "num_hidden_layers", "num_layers", "num_layers_per_stack",
}  # fmt: skip


@pytest.fixture(scope="module")
def configs():
    """What each causal LM of transformers has in its config.json."""
    made = {}
    for kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        try:
            made[kind] = json.loads(CONFIG_MAPPING[kind]().to_json_string(use_diff=False))
        except Exception:  # of those whose defaults do not fit each other
            continue
    assert len(made) > 120
    return made


def read(path, data):
    path.write_text(json.dumps(data))
    return read_checked(path, ConfigFile)


def test_what_transformers_says_is_read(configs, tmp_path):
    for data in configs.values():
        read(tmp_path / "config.json", data)


def test_no_number_of_layers_is_endless(configs, tmp_path):
    seen = set()
    for kind, data in configs.items():
        found = {name for name in DEPTHS if isinstance(data.get(name), int)}
        seen |= found
        for name in found:
            with pytest.raises(ValueError, match=rf"{name} is 1001: .*{MOST_LAYERS}"):
                read(tmp_path / "config.json", {**data, name: MOST_LAYERS + 1})
            outer = {"model_type": kind, "text_config": {**data, name: 10**6}}
            with pytest.raises(ValueError, match=name):
                read(tmp_path / "config.json", outer)
    assert seen >= DEPTHS - {"num_layers_per_stack"}  # which older releases have not


def test_any_name_of_a_number_of_layers_will_do(tmp_path):
    for name in ("num_mem_blocks", "n_stacks", "depth", "moe_layers", "any_blocks_of_layers"):
        for value in (10**6, [10**6], -(10**6)):
            with pytest.raises(ValueError, match=name):
                read(tmp_path / "config.json", {name: value})
    for name in ("vocab_size_per_layer_input", "block_size", "depthwise_channels"):
        read(tmp_path / "config.json", {name: 10**6})


def test_only_a_limit_may_be_endless(tmp_path):
    for value in (float("inf"), {"__float__": "Infinity"}):
        read(tmp_path / "config.json", {"time_step_limit": [0.0, value]})
        with pytest.raises(ValueError, match="rope_theta is not a finite"):
            read(tmp_path / "config.json", {"rope_scaling": {"rope_theta": value}})
