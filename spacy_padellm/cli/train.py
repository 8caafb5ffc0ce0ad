"""`python -m spacy padellm train`: a file of texts, or a `spacy train` config, on one device or on
many."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.cli._util import Arg, Opt, import_code, parse_config_overrides, show_validation_error
from wasabi import Printer

from ..extras import has, need
from ..formats.annotated_text import FormatError
from ..formats.guess import FORMATS, folder_format, named_format
from ..formats.json_text import read_json
from ..models.named.lookup import brought_by
from .app import padellm_app
from .options import check_place, read_text, say_error

# Options that go with data, and what a config has for each.
_WITH_DATA = {"--dev": "paths.dev", "--base": "paths.base", "--lang": "nlp.lang"}
_STRICT = (
    "With data: fail if a span does not begin and end with whole words, or if reading loses or "
    "changes anything else"
)


@padellm_app.command(
    "train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def train_cli(
    ctx: typer.Context,
    source: Annotated[
        Path,
        Arg(
            metavar="DATA|CONFIG",
            help="Annotated texts (csv, jsonl, conll, .spacy, a brat or dataset folder, ...) or a "
            "config (.cfg)",
            exists=True,
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, Opt("--output", "-o", help="Folder for model-best, model-last and checkpoints")
    ],
    dev: Annotated[
        Path | None,
        Opt(
            "--dev",
            help="With data: texts to evaluate on. By default, some of DATA are held out",
            exists=True,
        ),
    ] = None,
    base: Annotated[
        str | None,
        Opt(
            "--base",
            help="With data: model to train: folder, GGUF file, name or Hub id. Default: english",
        ),
    ] = None,
    lang: Annotated[
        str | None, Opt("--lang", help="With data: language of the texts. Default: en")
    ] = None,
    strict: Annotated[bool, Opt("--strict", help=_STRICT)] = False,
    code_path: Annotated[
        Path | None, Opt("--code", "-c", help="Python file with functions that the config uses")
    ] = None,
    resume: Annotated[
        bool, Opt("--resume", "-R", help="Continue from the last checkpoint in OUTPUT")
    ] = False,
    save_every: Annotated[
        int | None,
        Opt("--save-every", help="Steps between checkpoints. Default: eval_frequency"),
    ] = None,
    keep: Annotated[int, Opt("--keep", help="Number of checkpoints to keep")] = 2,
    gradient_checkpointing: Annotated[
        bool, Opt("--gradient-checkpointing", help="Save memory, for about a third more work")
    ] = False,
    report_to: Annotated[
        str, Opt("--report-to", help="Integrations of transformers: tensorboard,wandb,...")
    ] = "",
    arguments: Annotated[
        str, Opt("--arguments", help="Further TrainingArguments of transformers, as JSON")
    ] = "",
) -> None:
    """Train a pipeline with checkpoints, on one device or many.

    Given annotated texts, it chooses settings to suit them and the model, and saves these to OUTPUT
    as config.cfg. Or give it a config, as for `spacy train`. Either way, you can override settings,
    such as --training.max_steps. To use several devices, start it with torchrun or accelerate:

    torchrun --nproc-per-node 4 -m spacy padellm train config.cfg -o training/model
    """
    msg = Printer()
    is_config = source.suffix.lower() == ".cfg"
    is_main = int(os.environ.get("RANK", 0)) == 0
    try:
        overrides = parse_config_overrides(ctx.args)
        import_code(code_path)
        every, kept = _positive("--save-every", save_every), _positive("--keep", keep) or 1
        reports = tuple(name.strip() for name in report_to.split(",") if name.strip())
        others = _read_arguments(arguments)
        given = {"--dev": dev, "--base": base, "--lang": lang, "--strict": strict or None}
        if is_config:
            _refuse_options(source, given)
        else:
            _check_data(source, dev, overrides)
        if is_main:
            check_place(output / "run.json", "--output")
        base = base and read_text(base, "--base")
        if not has("torch"):
            extra = brought_by(base)[1] if base and not Path(base).exists() else ""
            need("torch", "training", bring=extra)
        from ..training.from_config.own_data import OwnData
        from ..training.from_config.own_data_run import train_on_data
        from ..training.from_config.run import RunOptions, load_train_config, train_config

        options = RunOptions(output, resume, every, kept, reports, gradient_checkpointing, others)
        if is_config:
            with show_validation_error(source):
                best = train_config(load_train_config(source, overrides), options)
        else:
            say = partial(_say, msg) if is_main else lambda text: None
            with show_validation_error(hint_fill=False):
                best = train_on_data(
                    OwnData(source, dev, base, lang, strict), overrides, options, say
                )
    except (ValueError, OSError) as error:
        msg.fail(say_error(error, _named(error, is_config, dev)), exits=1)
    except KeyboardInterrupt:
        msg.warn(f"Stopped. {_how_to_go_on(output)}", exits=130)
    if best.exists() and is_main:
        msg.good(f"The best pipeline is in {best}")
        msg.info("Its probabilities are not calibrated; `padellm calibrate` fits them")


def _named(error: Exception, is_config: bool, dev: Path | None) -> dict[str, str]:
    """The settings that an error may speak of, as this command is given them. A config has corpora
    of its own."""
    if is_config or not isinstance(error, FormatError):
        return {}
    corpus = "dev" if dev is not None and error.path.resolve() == dev.resolve() else "train"
    return {"format": f"--corpora.{corpus}.format"}


def _say(msg: Printer, text: str) -> None:
    """A message, or a table, which the printer would wrap."""
    if "\n" in text:
        typer.echo(text)
    else:
        msg.info(text)


def _how_to_go_on(output: Path) -> str:
    from ..training.checkpoints import find_whole

    if found := find_whole(output / "checkpoints"):
        return f"To continue from step {found.step}, give the same command with --resume"
    return (
        "There is no checkpoint yet to continue from: the same command begins again. To have one "
        "earlier, give --save-every"
    )


def _refuse_options(config: Path, given: dict[str, Any]) -> None:
    """Raises ValueError for options that go with data alone."""
    for option, value in given.items():
        if value is not None:
            instead = (
                f"use --{_WITH_DATA[option]} instead" if option in _WITH_DATA else "leave it out"
            )
            raise ValueError(
                f"{option} only works with a file of texts, but {config} is a config: {instead}"
            )


def _check_data(train: Path, dev: Path | None, overrides: dict[str, Any]) -> None:
    """Raises ValueError for settings that have options of their own, and for files of no known
    format."""
    if "paths.train" in overrides:
        raise ValueError(
            f"--paths.train only works with a config, but {train} is read as training texts: leave "
            f"it out, or name a config (.cfg) first"
        )
    for option, setting in _WITH_DATA.items():
        if setting in overrides:
            raise ValueError(f"--{setting} only works with a config: use {option} instead")
    for name, path in (("train", train), ("dev", dev)):
        setting = f"corpora.{name}.format"
        known = path is None or (folder_format if path.is_dir() else named_format)(path)
        if path is not None and not known and setting not in overrides:
            raise ValueError(
                f"{path} is not a config (.cfg), and its name does not show its format: rename it, "
                f"or give the format with --{setting} ({', '.join(FORMATS)})"
            )


def _positive(option: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ValueError(f"{option} is {value}: give a number above 0")
    return value


def _read_arguments(text: str) -> dict[str, Any]:
    try:
        found = read_json(read_text(text, "--arguments") or "{}")
    except ValueError as error:
        raise ValueError(f"--arguments is not valid JSON ({error}): give an object") from None
    if not isinstance(found, dict):
        raise ValueError('--arguments must be a JSON object, such as {"fsdp": true}')
    return found
