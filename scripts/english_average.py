"""Weights of several runs of `english_model.py`, averaged into one that can be exported.

    python scripts/english_average.py OUTPUT RUN[=WEIGHT] ...

RUN is an output folder of the training, whose weights are in RUN/trained; the runs have to go on
from one another. Then: python scripts/english_model.py export --data DATA --output OUTPUT
"""

import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


def average(parts: list[tuple[Path, float]]) -> AutoModelForCausalLM:
    """The first model, with the weighted mean of all weights. Raises ValueError for models of other
    shapes, and weights that sum to nothing."""
    total = sum(weight for _, weight in parts)
    if total <= 0:
        raise ValueError("the weights of the runs sum to 0: give RUN=1 or more")
    model = AutoModelForCausalLM.from_pretrained(
        parts[0][0], dtype=torch.float32, trust_remote_code=False
    )
    mean = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    for folder, weight in parts:
        other = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False
        ).state_dict()
        if {k: v.shape for k, v in other.items()} != {k: v.shape for k, v in mean.items()}:
            raise ValueError(f"{folder} is a model of other sizes than {parts[0][0]}")
        for name, value in other.items():
            mean[name] += value * (weight / total)
    model.load_state_dict(mean)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", nargs="+", metavar="RUN[=WEIGHT]")
    arguments = parser.parse_args()
    named = [run.partition("=") for run in arguments.runs]
    runs = [(Path(name), float(weight or 1)) for name, _, weight in named]
    average([(run / "trained", weight) for run, weight in runs]).save_pretrained(
        arguments.output / "trained"
    )
    newest = runs[-1][0]
    shutil.copytree(newest / "tokenizer", arguments.output / "tokenizer", dirs_exist_ok=True)
    (arguments.output / "train").mkdir(exist_ok=True)
    shutil.copy(newest / "train" / "log.json", arguments.output / "train" / "log.json")


if __name__ == "__main__":
    main()
