"""The output folder of a training run: pipelines, checkpoints, and what the run was begun with."""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language

from ...architectures.shim import CausalLMShim
from ...atomic import alone_in, read_claim, restore_folder, whole_folder, write_whole
from ..checkpoints import last_whole, list_checkpoints

logger = logging.getLogger(__name__)
RUN = "run.json"
_MADE = "# Made by `padellm train` for a file of texts; it may be changed, and trained with.\n"
# What may change between a run and its continuation without changing what is learned.
_FREE = ("max_steps", "max_epochs", "patience", "logger", "eval_frequency", "before_to_disk")


class RunFolder:
    """`model-best`, `model-last`, `checkpoints/`, `run.json` under `path`, and `config.cfg` where
    the run has made its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "model-best"
        self.config = path / "config.cfg"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other runs out; the processes of one run (`torchrun`) are one. Raises BusyError
        where another is in it."""
        if os.environ.get("RANK", "0") != "0":
            yield
            return
        with alone_in(self.path):
            for name in ("model-best", "model-last"):
                restore_folder(self.path / name)
            yield

    def where_to_begin(self, resume: bool) -> tuple[Path | None, int]:
        """The last whole checkpoint to go on from with its step, or None and 0. Raises ValueError
        where the folder has checkpoints and is not to be resumed, and where all are damaged."""
        if resume:
            if found := last_whole(self.checkpoints):
                return found.path, found.step
            logger.info("%s has no checkpoint to go on from: starting anew", self.path)
            return None, 0
        for checkpoint in list_checkpoints(self.checkpoints):
            if not checkpoint.is_cut:
                raise ValueError(
                    f"{self.path} has checkpoints of an earlier run (the last at step "
                    f"{checkpoint.step}): go on with --resume, or give another --output"
                )
        return None, 0

    def note_config(
        self, config: dict[str, Any], labels: Sequence[str], tokenizer: str, resumed: bool
    ) -> None:
        """Keeps what the run learns from; warns where a continuation has it otherwise.

        tokenizer: digest of one that was made from the corpus, "" of others. Raises ValueError
        where that is another one now.
        """
        training = {k: v for k, v in config["training"].items() if k not in _FREE}
        parts = {"components": config["components"], "corpora": config["corpora"]}
        now = {**parts, "training": training, "labels": list(labels), "tokenizer": tokenizer}
        now = srsly.json_loads(srsly.json_dumps(now))
        before = None
        if resumed:
            try:
                before = read_claim(self.path, RUN)
            except ValueError as error:
                logger.warning("%s", error)
        if before is not None:
            if tokenizer and before.get("tokenizer", tokenizer) != tokenizer:
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
        write_whole(self.path / RUN, json.dumps(now, indent=2) + "\n")

    def check_config(self) -> None:
        """Raises ValueError where `config.cfg` is there and no run has made it."""
        if self.config.exists() and not self.config.read_bytes().startswith(_MADE.encode()):
            raise ValueError(
                f"{self.config} is not of a run like this, which would write over it: give another "
                f"--output, or train with that config"
            )

    def write_config(self, text: str) -> None:
        """text: of a config that a recipe has made."""
        write_whole(self.config, f"{_MADE}\n{text.strip()}\n")

    def write_pipeline(self, nlp: Language, name: str) -> None:
        """Whole, in the place of the old one."""
        with whole_folder(self.path / name) as fresh:
            nlp.to_disk(fresh)


def tokenizer_digest(shim: CausalLMShim) -> str:
    """Of the tokenizer's vocabulary and rules."""
    written = shim.loaded.lm.tokenizer.backend_tokenizer.to_str()
    return hashlib.sha256(written.encode("utf8")).hexdigest()
