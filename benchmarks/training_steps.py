"""Steps of `padellm train` on a file of your own against a bare forward and backward of them.

    python benchmarks/training_steps.py TRAIN [--base smollm2] [--steps 16]

A step has all that the command does: reading and encoding texts, gradients, clipping, the
optimiser, logs. Bare is the language model alone, on as many texts and labels of the same lengths,
in the same precision, and the gradients of the sum of its hidden states. The two run in turn, step
by step. Evaluations and loading are in neither, and the peak memory is that of the steps of the
command.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from grid.machine import describe, say_machines
from grid.options import say_options
from grid.tables import table
from transformers import TrainerCallback

from spacy_padellm.learning.pointing import PointingPass
from spacy_padellm.models.mixed_precision import autocast
from spacy_padellm.tools.benchmark.memory import peak_megabytes, reset_peak
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


def shapes(one: PointingPass) -> list[tuple[int, int]]:
    """Rows and columns of a pass: of its texts, and of the labels that they are asked for."""
    prompts = {
        label: ids
        for text in one.texts
        for label, ids in zip(text.prompt.labels, text.prompt.branches, strict=True)
    }
    columns = max(len(text.prompt.trunk) for text in one.texts)
    return [(len(one.texts), columns), (len(prompts), max(map(len, prompts.values())))]


def run_bare(run: ConfigRun, passes: Sequence[PointingPass]) -> None:
    """The forward and backward of a step, and no more."""
    lm = run.shim.loaded.lm
    trained, decoder = lm.trained, lm.model.get_decoder()
    for one in passes:
        with autocast(trained, lm.device, run.args.bf16):
            total = torch.zeros((), device=lm.device)
            for rows, columns in shapes(one):
                ids = torch.ones((rows, columns), dtype=torch.long, device=lm.device)
                states = decoder(input_ids=ids, use_cache=False).last_hidden_state
                total = total + states.float().sum()
        total.backward()
    trained.zero_grad(set_to_none=True)


class InTurn(TrainerCallback):
    """After each step of the run, the bare one of the same texts.

    ours, bare: seconds of each step. peaks: MiB of ours; None where the platform does not tell.
    """

    def __init__(self, run: ConfigRun, recording: Recording) -> None:
        self.run, self.recording = run, recording
        self.ours: list[float] = []
        self.bare: list[float] = []
        self.peaks: list[float | None] = []
        self._began = 0.0

    def on_train_begin(self, *given: Any, **named: Any) -> None:
        self._begin()

    def on_step_end(self, *given: Any, **named: Any) -> None:
        device = self.run.args.device
        ended = now(device)
        self.ours.append(ended - self._began)
        self.peaks.append(peak_megabytes(device))
        began = now(device)
        run_bare(self.run, self.recording.steps[-1])
        self.bare.append(now(device) - began)
        self._begin()

    def _begin(self) -> None:
        reset_peak(self.run.args.device)
        self._began = now(self.run.args.device)


def measure(arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Raises ValueError for a base that writes, and as `padellm train`."""
    steps = WARM_UP + arguments.steps + 1
    overrides = {
        "training.optimizer.learn_rate.total_steps": steps,
        "training.eval_frequency": steps,
        "corpora.dev.limit": 5,
    }
    config = make_config(OwnData(arguments.train, base=arguments.base), overrides, print)
    run = ConfigRun(config, RunOptions(output))
    if not run.shim.loaded.lm.points:
        raise ValueError(f"{arguments.base} writes mentions; this is about bases that point")
    recording = Recording(run.trainer.task)
    in_turn = InTurn(run, recording)
    run.trainer.task = recording
    run.trainer.add_callback(in_turn)
    run.run()
    counted = slice(WARM_UP, -1)  # the last one checks all weights before it is written
    ours, bare = in_turn.ours[counted], in_turn.bare[counted]
    passes = recording.steps[counted]
    peaks = [peak for peak in in_turn.peaks[counted] if peak is not None]
    tokens = sum(rows * columns for some in passes for one in some for rows, columns in shapes(one))
    return {
        "steps": len(ours),
        "tokens": tokens / len(ours),
        "ours": tokens / sum(ours),
        "bare": tokens / sum(bare),
        "part": statistics.median(b / a for a, b in zip(ours, bare, strict=True)),
        "peak": max(peaks, default=None),
    }


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("--base", default="english")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    arguments = parser.parse_args(given)
    if arguments.steps < 1:
        parser.error(f"--steps is {arguments.steps}: give 1 or more")
    with tempfile.TemporaryDirectory() as folder:
        try:
            row = measure(arguments, Path(folder) / "run")
        except (ValueError, OSError) as error:
            parser.error(str(error))
    options = say_options(arguments, leave_out=("output", "train"))
    peak = "–" if row["peak"] is None else f"{row['peak']:.0f}"
    heads = ["steps", "tokens per step", "tokens/s, `padellm train`", "tokens/s, bare"]
    cells = [row["steps"], f"{row['tokens']:.0f}", f"{row['ours']:.0f}", f"{row['bare']:.0f}"]
    cells = [*map(str, cells), f"{row['part']:.0%}", peak]
    machine = say_machines([{"machine": describe()}])[0]
    parts = [
        "# Steps of `padellm train` against a bare forward and backward",
        f"`python benchmarks/training_steps.py {arguments.train.name} {options}`",
        f"{machine}, {time.strftime('%Y-%m-%d')}",
        table([*heads, "median part", "peak MiB"], [cells]),
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n\n".join(parts), encoding="utf8")
    print(parts[-1], end="")


if __name__ == "__main__":
    main()
