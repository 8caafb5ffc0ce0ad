"""Runs of `padellm train` with a config, in this process and in others."""

import json
import os
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file
from spacy.util import load_config

from spacy_padellm.training.from_config.run import RunOptions, train_config

CONFIGS = Path(__file__).parents[2] / "configs"
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def overrides(corpora, **changes):
    """Of `configs/padellm_scratch.cfg`, for a run of a second or two."""
    model = "components.padellm_ner.model"
    return {
        "paths.train": str(corpora / "train.spacy"),
        "paths.dev": str(corpora / "dev.spacy"),
        "training.max_steps": 6,
        "training.eval_frequency": 3,
        "training.batcher.size": 60,
        **{f"{model}.sizes.{name}": value for name, value in SIZES.items()},
        **{name.replace("__", "."): value for name, value in changes.items()},
    }


def train(corpora, output, options=None, config="padellm_scratch.cfg", **changes):
    loaded = load_config(CONFIGS / config, overrides(corpora, **changes))
    return train_config(loaded, RunOptions(output, **(options or {})))


def command(corpora, output, *options, launcher=(), **changes):
    arguments = [f"--{name}={value}" for name, value in overrides(corpora, **changes).items()]
    launcher = launcher or (sys.executable, "-m", "spacy")
    return [
        *launcher,
        *("padellm", "train", str(CONFIGS / "padellm_scratch.cfg"), "-o", str(output)),
        *options,
        *arguments,
    ]


def run(*arguments, **options):
    return subprocess.run(
        arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, **options
    )


def weights(folder):
    return load_file(folder / "padellm_ner" / "model" / "model.safetensors")


def farthest(one, other):
    assert one.keys() == other.keys()
    return max((one[key] - other[key]).abs().max().item() for key in one)


def losses(output):
    report = json.loads((output / "report.json").read_text())
    return [(entry["step"], round(entry["loss"], 4)) for entry in report["losses"]]


def tune_adapter(corpora, base, output, resume=False, **changes):
    config = load_config(
        CONFIGS / "padellm_lora.cfg",
        {
            "paths.train": str(corpora / "train.spacy"),
            "paths.dev": str(corpora / "dev.spacy"),
            "paths.base": str(base),
            "training.max_steps": 4,
            "training.eval_frequency": 2,
            "training.batcher.size": 60,
            "training.optimizer.learn_rate.total_steps": 20,
            "components.padellm_ner.model.peft.rank": 2,
            "components.padellm_ner.model.peft.dropout": 0.3,
            "components.padellm_ner.model.pointers": False,  # its own weights outweigh a tiny model
            **{name.replace("__", "."): value for name, value in changes.items()},
        },
    )
    return train_config(config, RunOptions(output, resume, gradient_checkpointing=True))


def adapter_of(folder):
    return load_file(folder / "padellm_ner" / "model" / "adapter_model.safetensors")
