"""The output folder of a training run: pipelines, checkpoints, and what the run was begun with."""

import errno
import hashlib
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly
from safetensors import SafetensorError
from spacy.language import Language

from .component import PaDeLLMNER
from .training.checkpoint import last_checkpoint

logger = logging.getLogger(__name__)
# What may change between a run and its continuation without changing what is learned.
_FREE = ("max_steps", "max_epochs", "patience", "logger", "eval_frequency", "before_to_disk")


_FULL = ("no space left", "disk quota", "file too large", "failed writing", "unexpected pos")


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

    def note_config(
        self, config: dict[str, Any], labels: Sequence[str], tokenizer: str, resumed: bool
    ) -> None:
        """Keeps what the run learns from; warns where a continuation has it otherwise.

        tokenizer: digest of one that was made from the corpus, "" of others. Raises ValueError
        where that is another one now.
        """
        path = self.path / "run.json"
        training = {k: v for k, v in config["training"].items() if k not in _FREE}
        parts = {"components": config["components"], "corpora": config["corpora"]}
        now = {**parts, "training": training, "labels": list(labels), "tokenizer": tokenizer}
        now = srsly.json_loads(srsly.json_dumps(now))
        if resumed and path.exists():
            before = srsly.read_json(path)
            if before.get("tokenizer", tokenizer) != tokenizer:
                raise ValueError(
                    "the corpus is not the one that this run was begun with, and the tokenizer, "
                    "which is made from it, has changed: restore the corpus, or begin anew with "
                    "another --output"
                )
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
        fresh, old = self.path / f".{name}-new", self.path / f".{name}-old"
        for left in (fresh, old):  # of a run that was killed here
            shutil.rmtree(left, ignore_errors=True)
        try:
            nlp.to_disk(fresh)
            if folder.exists():
                folder.replace(old)
            fresh.replace(folder)
        finally:
            for left in (fresh, old):
                shutil.rmtree(left, ignore_errors=True)

    def full_disk(self) -> str:
        """What to do about it."""
        found = last_checkpoint(self.checkpoints)
        kept = f"the checkpoint of step {found[1]} is whole" if found else "there is no checkpoint"
        return f"the disk is full; {kept}: make room and go on with --resume"


def tokenizer_digest(pipe: PaDeLLMNER) -> str:
    """Of the tokenizer's vocabulary and rules."""
    written = pipe.own_shim.loaded.lm.tokenizer.backend_tokenizer.to_str()
    return hashlib.sha256(written.encode("utf8")).hexdigest()


def is_disk_full(error: BaseException) -> bool:
    """torch and safetensors say it in errors of their own."""
    message = str(error).lower()
    by_number = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    by_words = isinstance(error, (OSError, RuntimeError, SafetensorError)) and any(
        words in message for words in _FULL
    )
    return by_number or by_words
