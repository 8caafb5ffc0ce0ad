"""The output folder of a training run: pipelines, checkpoints, and what the run was begun with."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language

from .training.checkpoint import last_checkpoint

logger = logging.getLogger(__name__)
# What may change between a run and its continuation without changing what is learned.
_FREE = ("max_steps", "max_epochs", "patience", "logger", "eval_frequency", "before_to_disk")


class RunFolder:
    """`model-best`, `model-last`, `checkpoints/`, `run.json` under `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "model-best"

    def where_to_begin(self, resume: bool) -> tuple[Path | None, int]:
        """The checkpoint to go on from with its step, or None and 0.

        Raises ValueError where the folder has checkpoints and is not to be resumed.
        """
        found = last_checkpoint(self.checkpoints)
        if found and not resume:
            raise ValueError(
                f"{self.path} has checkpoints of an earlier run (the last at step {found[1]}): go "
                f"on with --resume, or give another --output"
            )
        if resume and not found:
            logger.info("%s has no checkpoint to go on from: starting anew", self.path)
        return found or (None, 0)

    def note_config(self, config: dict[str, Any], labels: Sequence[str], resumed: bool) -> None:
        """Keeps what the run learns from; warns where a continuation has it otherwise."""
        path = self.path / "run.json"
        training = {k: v for k, v in config["training"].items() if k not in _FREE}
        parts = {"components": config["components"], "corpora": config["corpora"]}
        now = {**parts, "training": training, "labels": list(labels)}
        now = srsly.json_loads(srsly.json_dumps(now))
        if resumed and path.exists():
            before = srsly.read_json(path)
            if changed := [key for key in now if before.get(key) != now[key]]:
                logger.warning(
                    "this run was begun with another config (%s): it goes on with the new one, "
                    "and ends elsewhere than it would have",
                    ", ".join(changed),
                )
        self.path.mkdir(parents=True, exist_ok=True)
        srsly.write_json(path, now)

    def write_pipeline(self, nlp: Language, name: str) -> None:
        """Beside the old pipeline, then in its place."""
        folder = self.path / name
        fresh = self.path / f".{name}-new"
        shutil.rmtree(fresh, ignore_errors=True)
        nlp.to_disk(fresh)
        if folder.exists():
            shutil.rmtree(folder)
        fresh.replace(folder)

    def full_disk(self) -> str:
        """What to do about it."""
        found = last_checkpoint(self.checkpoints)
        kept = f"the checkpoint of step {found[1]} is whole" if found else "there is no checkpoint"
        return f"the disk is full; {kept}: make room and go on with --resume"
