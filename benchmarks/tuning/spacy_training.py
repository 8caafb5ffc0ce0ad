"""`spacy train` and `padellm train`, in a process of their own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.util import load_config

from .task import NoModelError, Task, write_docbin, write_jsonl

QUIET, MOST_WAIT = 2.0, 30.0  # seconds without a change in models, and in all


def train_spacy_ner(task: Task) -> Language:
    """spaCy's own `ner`, as its quickstart makes it."""
    config = task.folder / "config.cfg"
    command = ["init", "config", str(config), "--lang", "en", "--pipeline", "ner"]
    _spacy([*command, "--optimize", "efficiency"])
    return train_config(task, config, {})


def train_config(task: Task, config: Path, overrides: Mapping[str, str]) -> Language:
    """The best model of a config on the development texts, those up to `task.seconds`.

    The config has `paths.train`, `paths.dev` and `system.seed`. Its corpora are JSON lines where
    this package reads them, else `.spacy`.

    Raises NoModelError where the time was up before the first evaluation, CalledProcessError where
    training failed, and RuntimeError where a model was still being written long after the time.
    """
    ours = _reader(config).startswith("spacy_padellm.")
    write, suffix = (write_jsonl, "jsonl") if ours else (write_docbin, "spacy")
    set_values = {
        "paths.train": str(write(task.train, task.folder / f"train.{suffix}")),
        "paths.dev": str(write(task.dev, task.folder / f"dev.{suffix}")),
        "system.seed": str(task.seed),
        **overrides,
    }
    options = [word for key, value in set_values.items() for word in (f"--{key}", value)]
    return _train(task, ["train", str(config), *options])


def train_padellm(task: Task, base: str) -> Language:
    """What `padellm train` makes of the texts of a task without a config. Raises as
    `train_config`."""
    train, dev = (
        write_jsonl(golds, task.folder / f"{name}.jsonl")
        for name, golds in (("train", task.train), ("dev", task.dev))
    )
    files = [str(train), "--dev", str(dev)]
    options = ["--base", base, "--system.seed", str(task.seed)]
    return _train(task, ["padellm", "train", *files, *options])


def _train(task: Task, command: list[str]) -> Language:
    output = task.folder / "trained"
    best = output / "model-best"
    in_time = _spacy([*command, "--output", str(output)], task.seconds, best)
    if not in_time and not (best / "meta.json").exists():
        raise NoModelError("the budget ended before the first evaluation")
    return spacy.load(best)


def _reader(config: Path) -> str:
    corpora = load_config(config, interpolate=False).get("corpora", {})
    return str(corpora.get("train", {}).get("@readers", ""))


def _spacy(words: list[str], seconds: float | None = None, model: Path | None = None) -> bool:
    """Runs a command of spaCy. Returns whether it came to its end in time.

    model: its best so far, which is not left half written. Raises CalledProcessError for a command
    that failed, and RuntimeError for a model that is written for ever.
    """
    command = [sys.executable, "-m", "spacy", *words]
    with subprocess.Popen(command) as process:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            if model is not None:
                _wait_until_written(model)
            return False
        finally:
            process.kill()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return True


def _wait_until_written(model: Path) -> None:
    """spaCy writes `model-last` file by file in its place, copies that to `model-best`, and tells
    nobody when it is done: it is once neither has changed for `QUIET` seconds.

    Raises RuntimeError where they still change after `MOST_WAIT` seconds.
    """
    began = quiet_since = time.monotonic()
    files = _files(model.parent)
    while (now := time.monotonic()) - quiet_since < QUIET:
        if now - began > MOST_WAIT:
            raise RuntimeError(
                f"the budget is over, but {model} is still being written after {MOST_WAIT:g} "
                f"seconds: give another --budget"
            )
        time.sleep(QUIET / 4)
        files, before = _files(model.parent), files
        if files != before:
            quiet_since = time.monotonic()


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Sizes, and times of the last change, of what is in its models; some may go meanwhile."""
    found = {}
    places = (place for model in ("model-best", "model-last") for place in os.walk(folder / model))
    for inside, _, names in places:  # which skips folders that are gone, as globbing does not
        for path in (os.path.join(inside, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                stat = os.stat(path)
                found[path] = (stat.st_size, stat.st_mtime_ns)
    return found
