"""Steps of `padellm train` on a file of your own against a bare forward and backward of them.

    python benchmarks/training_steps.py TRAIN [--base smollm2] [--steps 16]

A step has all that the command does: reading and encoding texts, gradients, clipping, the
optimiser, logs. Bare is the language model alone, on as many texts and labels of the same lengths,
in the same precision, and the gradients of the sum of its hidden states. Evaluations and loading
are in neither.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from grid.machine import describe
from transformers import TrainerCallback

from spacy_padellm.learning.pointing import PointingPass
from spacy_padellm.models.mixed_precision import autocast
from spacy_padellm.tools.benchmark.memory import peak_megabytes
from spacy_padellm.training.from_config.arguments import RunOptions
from spacy_padellm.training.from_config.own_data import OwnData, make_config
from spacy_padellm.training.from_config.run import ConfigRun

OUTPUT = Path(__file__).parent / "results" / "training_steps.md"
WARM_UP = 4  # steps


@dataclass
class Recording:
    """A task whose passes are kept, step by step."""

    task: Any
    steps: list[list[PointingPass]] = field(default_factory=list)

    def passes(self, step: Any) -> list[PointingPass]:
        made: list[PointingPass] = self.task.passes(step)
        self.steps.append(made)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


def now(device: torch.device) -> float:
    """Seconds, with all that the device was given to do done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Clock(TrainerCallback):
    """Seconds of each step, from the end of the step before."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.ends: list[float] = []

    def on_step_end(self, *given: Any, **named: Any) -> None:
        self.ends.append(now(self.device))

    @property
    def seconds(self) -> list[float]:
        return [b - a for a, b in zip(self.ends, self.ends[1:], strict=False)]


def shapes(one: PointingPass) -> list[tuple[int, int]]:
    """Rows and columns of a pass: of its texts, and of the labels that they are asked for."""
    prompts = {
        label: ids
        for text in one.texts
        for label, ids in zip(text.prompt.labels, text.prompt.branches, strict=True)
    }
    columns = max(len(text.prompt.trunk) for text in one.texts)
    return [(len(one.texts), columns), (len(prompts), max(map(len, prompts.values())))]


def bare(run: ConfigRun, steps: list[list[PointingPass]]) -> list[float]:
    """Seconds of each step."""
    lm = run.shim.loaded.lm
    trained, decoder = lm.trained, lm.model.get_decoder()
    trained.train()
    seconds = []
    for passes in steps:
        began = now(lm.device)
        for one in passes:
            with autocast(trained, lm.device, run.args.bf16):
                total = torch.zeros((), device=lm.device)
                for rows, columns in shapes(one):
                    ids = torch.ones((rows, columns), dtype=torch.long, device=lm.device)
                    states = decoder(input_ids=ids, use_cache=False).last_hidden_state
                    total = total + states.float().sum()
            total.backward()
        trained.zero_grad(set_to_none=True)
        seconds.append(now(lm.device) - began)
    return seconds


def measure(arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    steps = WARM_UP + arguments.steps + 1
    overrides = {
        "training.optimizer.learn_rate.total_steps": steps,
        "training.eval_frequency": steps,
        "corpora.dev.limit": 5,
    }
    config = make_config(OwnData(arguments.train, base=arguments.base), overrides, print)
    run = ConfigRun(config, RunOptions(output))
    recording, clock = Recording(run.trainer.task), Clock(run.args.device)
    run.trainer.task = recording
    run.trainer.add_callback(clock)
    run.run()
    # The last one evaluates and writes.
    ours = clock.seconds[WARM_UP - 1 : -1]
    passes = recording.steps[WARM_UP : WARM_UP + len(ours)]
    peak = peak_megabytes(run.args.device)
    bare(run, passes[:2])
    alone = bare(run, passes)
    tokens = sum(rows * columns for some in passes for one in some for rows, columns in shapes(one))
    return {
        "steps": len(ours),
        "tokens": tokens / len(ours),
        "ours": tokens / sum(ours),
        "bare": tokens / sum(alone),
        "part": statistics.median(b / a for a, b in zip(ours, alone, strict=True)),
        "peak": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("--base", default="english")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        row = measure(arguments, Path(folder) / "run")
    options = f"--base {arguments.base} --steps {arguments.steps}"
    machine = ", ".join(f"{key} {value}" for key, value in describe().items())
    lines = [
        "# Steps of `padellm train` against a bare forward and backward",
        "",
        f"`python benchmarks/training_steps.py {arguments.train.name} {options}`",
        "",
        f"{machine}, {time.strftime('%Y-%m-%d')}",
        "",
        "| tokens per step | tokens/s, `padellm train` | tokens/s, bare | median part | peak MiB |",
        "|---|---|---|---|---|",
        f"| {row['tokens']:.0f} | {row['ours']:.0f} | {row['bare']:.0f} | {row['part']:.0%} | "
        f"{row['peak'] or 0:.0f} |",
    ]
    print(lines[-1])
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
