"""A run on somebody's texts: it begins with a config of its own, or goes on with that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thinc.api import Config

from ..agreement import agree
from ..checkpoints import telling_of_full_disk
from .arguments import RunOptions
from .folder import RunFolder
from .folder_state import is_to_go_on
from .made_config import in_order
from .own_data import OwnData, Say, check_overrides, make_config
from .run import ConfigRun, load_train_config

_OPTIONS = {"paths.dev": "--dev", "paths.base": "--base", "nlp.lang": "--lang"}


def train_on_data(data: OwnData, overrides: dict[str, Any], options: RunOptions, say: Say) -> Path:
    """Trains a model on the texts of a file; returns the folder of the best pipeline. The config is
    written to the output folder as `config.cfg`, and a run that is resumed takes it from there.

    overrides: of that config, by dotted names. say: is told what was chosen, and why. Raises
    ValueError as `train_config` and `make_config`, for a folder that holds something else, or a
    config that somebody has edited, and for a run that was begun with other data.
    """
    folder = RunFolder(options.output)
    folder.check_owner()
    with folder.alone():
        start = _go_on if agree(lambda: is_to_go_on(folder, options.resume)) else _begin
        with telling_of_full_disk(folder.checkpoints):
            run = start(data, overrides, options, folder, say)
        return run.run()


def _begin(
    data: OwnData, overrides: dict[str, Any], options: RunOptions, folder: RunFolder, say: Say
) -> ConfigRun:
    """A run with a config of its own, and beside it the texts that it holds out."""
    if _is_same(data.train, folder.held_out):
        raise ValueError(
            f"{data.train} is where this run writes the texts that it holds out: give another "
            f"--output, or copy the file"
        )
    config = make_config(data, overrides, say)
    run = ConfigRun(config, options)
    if run.is_main:
        if data.dev is None:
            folder.write_held_out(eg.reference for eg in run.read_held_out())
            say(f"Wrote the held-out texts to {folder.held_out}")
        elif not _is_same(data.dev, folder.held_out):
            folder.write_held_out(None)
        folder.write_config(in_order(config.to_str(interpolate=False)))
    say(f"Wrote the config to {folder.config}: edit it and train with it to change settings")
    return run


def _go_on(
    data: OwnData, overrides: dict[str, Any], options: RunOptions, folder: RunFolder, say: Say
) -> ConfigRun:
    """The run that the folder has, with its config. What `strict` asks of texts they have been
    asked: they must be those that the run began with."""
    check_overrides(overrides)
    config = load_train_config(folder.config, overrides)
    _check_same(data.given(), config, folder.config)
    say(f"Resuming with the run's own config, {folder.config}")
    return ConfigRun(config, options, same_texts=True)


def _check_same(given: Mapping[str, str], config: Config, path: Path) -> None:
    """Raises ValueError for what was given and is not what a run goes on with."""
    known = config.interpolate()
    for name, value in given.items():
        section, last = name.split(".")
        before = known.get(section, {}).get(last)
        if before != value:
            what = _OPTIONS.get(name, "the file of texts")
            raise ValueError(
                f"{what} is {value}, but the run in {path.parent} was started with {before}: "
                f"resume with that, or start a new run in another --output"
            )


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
