"""The output folder of a training run: pipelines, checkpoints, and what the run was begun with."""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ...architectures.shim import CausalLMShim
from ...atomic import alone_in, check_owner, read_claim, restore_folder, write_whole
from ...formats.doc_gold import annotated_labels, place_of
from ...formats.docbin import write as write_docs
from ...pipeline.saving import save_pipeline
from ..checkpoints import last_whole, list_checkpoints
from .changes import changed_settings
from .made_config import sign

logger = logging.getLogger(__name__)
RUN = "run.json"
_TEXTS = "texts"
# What may change between a run and its continuation without changing what is learned.
_FREE = ("max_steps", "max_epochs", "patience", "logger", "eval_frequency", "before_to_disk")


class RunFolder:
    """`model-best`, `model-last`, `checkpoints/`, `run.json` under `path`; `config.cfg` where the
    run has made its own, and `dev.spacy` where it has held texts out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "model-best"
        self.config = path / "config.cfg"
        self.held_out = path / "dev.spacy"

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
            if self.path.is_dir() and os.environ.get("RANK", "0") == "0":
                logger.warning("%s has no checkpoint to go on from: starting anew", self.path)
            return None, 0
        if begun := self.say_begun():
            raise ValueError(begun)
        return None, 0

    def say_begun(self) -> str:
        """What to do where the folder has checkpoints of an earlier run; "" where it has none."""
        for checkpoint in list_checkpoints(self.checkpoints):
            if not checkpoint.is_cut:
                return (
                    f"{self.path} has checkpoints of an earlier run (the last at step "
                    f"{checkpoint.step}): go on with --resume, or give another --output"
                )
        return ""

    def note_config(
        self, config: dict[str, Any], labels: Sequence[str], made: dict[str, str], resumed: bool
    ) -> None:
        """Keeps what the run learns from; warns where a continuation has it otherwise.

        made: digests of what config and corpus make: "weights", those that are trained, and
        "tokenizer", where it is made from the corpus. Raises ValueError where one is another now.
        """
        training = {k: v for k, v in config["training"].items() if k not in _FREE}
        parts = {"components": config["components"], "corpora": config["corpora"]}
        now = {**parts, "training": training, "labels": list(labels)}
        now = srsly.json_loads(srsly.json_dumps(now))
        before = self._begun() if resumed else None
        if before is not None:
            had = {name: before.get(name, digest) for name, digest in made.items()}
            if had.get("tokenizer") != made.get("tokenizer"):
                raise ValueError(
                    "the corpus is not the one that this run was begun with, and the tokenizer, "
                    "which is made from it, has changed: restore the corpus, or begin anew with "
                    "another --output"
                )
            changed = ", ".join(changed_settings({name: before.get(name) for name in now}, now))
            if had["weights"] != made["weights"]:
                raise ValueError(
                    f"the checkpoints in {self.path} have other weights than this config makes. "
                    f"Restore what has changed since they were written ({changed or 'the model'}), "
                    f"or begin anew with another --output"
                )
            if changed:
                logger.warning(
                    "this run was begun with another config (%s): it goes on with the new one, "
                    "and ends elsewhere than it would have", changed,
                )  # fmt: skip
        self._write_begun({**now, **made, _TEXTS: (before or {}).get(_TEXTS, {})})

    def note_texts(self, corpus: str, examples: Iterable[Example], must_be_same: bool) -> None:
        """Keeps a digest of the texts that the run reads; of those of a continuation that are
        others it warns, or raises ValueError where they must be the same.

        corpus: such as "train".
        """
        begun = self._begun() or {}
        known, now = begun.get(_TEXTS, {}), texts_digest(examples)
        if known.get(corpus, now) != now:
            what = f"the texts of the {corpus} corpus have changed since this run began"
            if must_be_same:
                raise ValueError(
                    f"{what}: restore them, or start a new run in another --output than {self.path}"
                )
            logger.warning("%s: training continues with the new ones, to another result", what)
        if known.get(corpus) != now:
            self._write_begun({**begun, _TEXTS: {**known, corpus: now}})

    def _begun(self) -> dict[str, Any] | None:
        """None, with a warning, of what is damaged."""
        try:
            return read_claim(self.path, RUN)
        except ValueError as error:
            logger.warning("%s", error)
            return None

    def _write_begun(self, begun: Mapping[str, Any]) -> None:
        write_whole(self.path / RUN, json.dumps(begun, indent=2) + "\n")

    def check_owner(self) -> None:
        """Raises ValueError for a folder that holds anything, and no run."""
        if os.environ.get("RANK", "0") == "0":
            check_owner(self.path, RUN)

    def tell_of_others(self) -> None:
        """Warns of a folder that holds anything, and no run."""
        try:
            self.check_owner()
        except ValueError:
            logger.warning(
                "%s has files of something else: a pipeline, report or checkpoint of the same name "
                "is replaced, all others stay", self.path,
            )  # fmt: skip

    def write_held_out(self, docs: Iterable[Doc] | None) -> None:
        """In the place of those of an earlier run; None where this run holds none out."""
        if docs is None:
            self.held_out.unlink(missing_ok=True)
        else:
            write_docs(self.held_out, docs)

    def write_config(self, text: str) -> None:
        """text: of a config that a recipe has made."""
        write_whole(self.config, sign(text))

    def write_pipeline(self, nlp: Language, name: str) -> None:
        """Whole, in the place of the old one."""
        save_pipeline(nlp, self.path / name)


def texts_digest(examples: Iterable[Example]) -> str:
    """Of texts and their annotation, in their order."""
    digest = hashlib.sha256()
    for example in examples:
        doc = example.reference
        groups = {key: [*map(place_of, doc.spans[key])] for key in sorted(doc.spans)}
        unknown = [token.i for token in doc if token.ent_iob == 0]
        read = [doc.text, [*map(place_of, doc.ents)], groups, unknown, annotated_labels(doc)]
        digest.update(json.dumps(read).encode("ascii"))
    return digest.hexdigest()


def tokenizer_digest(shim: CausalLMShim) -> str:
    """Of the tokenizer's vocabulary and rules."""
    written = shim.loaded.lm.tokenizer.backend_tokenizer.to_str()
    return hashlib.sha256(written.encode("utf8")).hexdigest()
