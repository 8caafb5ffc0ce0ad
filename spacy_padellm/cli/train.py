"""`python -m spacy padellm train`: a `spacy train` config on one device or on many."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.cli._util import Arg, Opt, import_code, parse_config_overrides, show_validation_error
from wasabi import Printer

from ..formats.json_text import read_json
from .app import padellm_app
from .options import read_text


@padellm_app.command(
    "train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def train_cli(
    ctx: typer.Context,
    config_path: Annotated[Path, Arg(help="Path to config file", exists=True, dir_okay=False)],
    output: Annotated[
        Path, Opt("--output", "-o", help="Folder for model-best, model-last and checkpoints")
    ],
    code_path: Annotated[
        Path | None, Opt("--code", "-c", help="Python file with functions that the config names")
    ] = None,
    resume: Annotated[
        bool, Opt("--resume", "-R", help="Go on from the last checkpoint in OUTPUT")
    ] = False,
    save_every: Annotated[
        int | None,
        Opt("--save-every", help="Steps between checkpoints. Without it as eval_frequency"),
    ] = None,
    keep: Annotated[int, Opt("--keep", help="Checkpoints that stay")] = 2,
    gradient_checkpointing: Annotated[
        bool, Opt("--gradient-checkpointing", help="Less memory, a third more work")
    ] = False,
    report_to: Annotated[
        str, Opt("--report-to", help="Integrations of transformers: tensorboard,wandb,...")
    ] = "",
    arguments: Annotated[
        str, Opt("--arguments", help="Further TrainingArguments of transformers, as JSON")
    ] = "",
) -> None:
    """Train a pipeline with checkpoints, on one device or on many.

    Takes the config of `spacy train` and the same overrides, such as --paths.train. On several
    devices start it with torchrun or accelerate:

    torchrun --nproc-per-node 4 -m spacy padellm train config.cfg -o training/model
    """
    msg = Printer()
    try:
        overrides = parse_config_overrides(ctx.args)
        import_code(code_path)
        every, kept = _positive("--save-every", save_every), _positive("--keep", keep) or 1
        reports = tuple(name.strip() for name in report_to.split(",") if name.strip())
        others = _read_arguments(arguments)
        from ..training.from_config.run import RunOptions, load_train_config, train_config

        options = RunOptions(output, resume, every, kept, reports, gradient_checkpointing, others)
        with show_validation_error(config_path):
            config = load_train_config(config_path, overrides)
            best = train_config(config, options)
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)
    except KeyboardInterrupt:
        msg.warn("Stopped. Go on from the last checkpoint with --resume", exits=130)
    if best.exists() and int(os.environ.get("RANK", 0)) == 0:
        msg.good(f"The best pipeline is in {best}")


def _positive(option: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ValueError(f"{option} is {value}: give a number above 0")
    return value


def _read_arguments(text: str) -> dict[str, Any]:
    try:
        found = read_json(read_text(text, "--arguments") or "{}")
    except ValueError as error:
        raise ValueError(f"--arguments is no JSON ({error}): give an object") from None
    if not isinstance(found, dict):
        raise ValueError('--arguments must be a JSON object, such as {"fsdp": true}')
    return found
