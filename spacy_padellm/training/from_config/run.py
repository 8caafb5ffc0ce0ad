"""A `spacy train` config run by transformers' Trainer: many processes, checkpoints, resume.

The config, corpora, component, batches, schedule, scores and the pipelines that are written are
those of `spacy train`; steps and checkpoints are the Trainer's.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from spacy import util
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_before_to_disk_callback, update_meta
from spacy.util import load_model_from_config, registry, resolve_dot_names
from thinc.api import Config
from transformers import TrainerState

from ...architectures.causal_lm import own_shim_of
from ...architectures.origin import FromScratch
from ...architectures.thinc_optimizer import Rates, adam_settings
from ...formats.gold_text import GoldText
from ...learning.examples import make_training_text
from ...learning.optimizer import make_adam
from ...learning.pointing import check_text_loss
from ...lm.older_transformers import checkpointing_name
from ...models.progress_bars import no_progress_bars
from ...progress import AboveBars
from ..callbacks import ProgressBar, RunCallback, best_evaluation, evaluations, is_over
from ..checkpoints import telling_of_full_disk
from ..pointing_task import PointingTask
from ..report import write_report
from ..trainer import StepTrainer, Task
from ..tree_task import TreeTask
from .arguments import RunOptions, training_arguments
from .changes import weights_digest
from .folder import RunFolder, tokenizer_digest
from .scores import ConfigScores
from .step_memory import advise
from .steps import ConfigSteps
from .trained_component import find_trained

logger = logging.getLogger(__name__)

MEND = (
    "lower the learning rate, set grad_clip in [training.optimizer], or set mixed_precision to "
    "false"
)


def train_config(config: Config, options: RunOptions) -> Path:
    """Trains the pipeline of a config; returns the folder of the best. In processes started by
    `torchrun` or `accelerate launch` all call it. Raises ValueError for a config that this cannot
    train, or an output folder that has another run in it, at this moment too."""
    folder = RunFolder(options.output)
    folder.tell_of_others()
    with folder.alone():
        return ConfigRun(config, options).run()


class ConfigRun:
    """One run: the pipeline, its steps and scores, and what is written.

    same_texts: whether a run that is resumed must read the texts that it was begun with; else it
    warns of others.
    """

    def __init__(self, config: Config, options: RunOptions, same_texts: bool = False) -> None:
        self.options = options
        self.same_texts = same_texts
        self._noted: set[str] = set()
        self.folder = RunFolder(options.output)
        self.checkpoint, self.first = self.folder.where_to_begin(options.resume)
        filled = load_model_from_config(config.copy(), auto_fill=True).config
        self.args = training_arguments(filled.interpolate(), options, self.folder.checkpoints)
        self.is_main = self.args.process_index == 0
        self.nlp = init_nlp(config)
        interpolated = self.nlp.config.interpolate()
        self.settings = registry.resolve(interpolated["training"], schema=ConfigSchemaTraining)
        names = [self.settings["train_corpus"], self.settings["dev_corpus"]]
        self.train_corpus, self.dev_corpus = resolve_dot_names(interpolated, names)
        self.pipe = find_trained(self.nlp, self.settings["frozen_components"])
        self.shim = own_shim_of(self.pipe.model)
        if self.is_main:
            made = {"weights": weights_digest(self.shim.loaded.lm)}
            if isinstance(self.shim.origin, FromScratch):
                made["tokenizer"] = tokenizer_digest(self.shim)
            self.folder.note_config(interpolated, self.pipe.labels, made, self.first > 0)
        self.trainer = self._make_trainer()
        self._began = time.monotonic()
        self._log_step: Callable[[dict[str, Any] | None], None] = lambda info: None

    def read_held_out(self) -> list[Example]:
        """The texts to score on, of which the run keeps a digest before it begins."""
        examples = list(self.dev_corpus(self.nlp))
        self._note_texts("dev", examples)
        return examples

    def run(self) -> Path:
        """Raises OSError with a mend where the disk is full."""
        self._advise()
        finish = self._open_logger()
        try:
            with telling_of_full_disk(self.folder.checkpoints):
                with no_progress_bars():
                    self.trainer.go_on_from(self.checkpoint, self._is_over)
                if self.same_texts:  # a run that was over has read none
                    self._note_unread()
                self.shim.note_step()
                with self.trainer.as_loaded():
                    self._write("model-last")
        finally:
            finish()
        self.args.distributed_state.wait_for_everyone()
        return self.folder.best

    def _advise(self) -> None:
        lm, saves = self.shim.loaded.lm, getattr(self.args, checkpointing_name())
        if saves or not self.is_main or lm.device.type != "cpu":
            return
        if advice := advise(lm, self.pipe.settings.token_budget, self.args.bf16):
            logger.warning("%s", advice)

    def _is_over(self, state: TrainerState) -> bool:
        return is_over(state, self.args.max_steps, self.settings["patience"])

    # --- what it is made of

    def _make_trainer(self) -> StepTrainer:
        settings, pipe, args = self.settings, self.pipe, self.args
        loaded = self.shim.loaded
        if args.world_size > 1 and self.shim.origin.hardware.devices:
            raise ValueError(
                "model.devices is for decoding in one process: leave it null where several "
                "processes train, each has its own device"
            )
        steps = ConfigSteps(
            self.nlp,
            self.train_corpus,
            settings["batcher"],
            settings["max_epochs"],
            pipe.training_texts,
            settings["seed"] or 0,
            self.first,
            args.process_index,
            args.world_size,
            settings["before_update"],
            on_read=partial(self._note_texts, "train"),
        )
        self.is_sharded = bool(args.fsdp) or bool(args.deepspeed)
        if self.is_sharded and loaded.lm.points:
            raise ValueError(
                "a model that points cannot be spread over accelerators: leave out fsdp and "
                "deepspeed, or set model.pointers to false"
            )
        if self.is_sharded and args.use_cpu:
            raise ValueError(
                "weights can be spread over accelerators only: leave out fsdp and deepspeed on CPUs"
            )
        if self.is_sharded:  # all processes must make the same passes, however fast each is
            pipe.settings = replace(pipe.settings, run_ahead=False)
        self.scores = ConfigScores(
            self.nlp,
            self.dev_corpus,
            settings["score_weights"],
            args.process_index,
            args.world_size,
            everywhere=self.is_sharded,
            on_read=partial(self._note_texts, "dev"),
        )
        every = settings["eval_frequency"]
        self.schedule = RunCallback(
            every, self.options.save_every or every, settings["patience"], min(10, every), mend=MEND
        )
        lm, budget = loaded.lm, pipe.settings.token_budget
        filler = make_training_text(loaded.encoder(), GoldText(".", ()), pipe.labels)
        task: Task
        if lm.points:
            check_text_loss(pipe.settings.text_loss)
            task = PointingTask(lm, loaded.template, budget, filler, settings["dropout"])
        else:
            text_loss = pipe.settings.text_loss
            task = TreeTask(lm, loaded.template, budget, filler, text_loss=text_loss)
        adam = adam_settings(settings["optimizer"])
        trainer = StepTrainer(
            lm.trained,
            task,
            steps,
            args,
            optimizer=lambda trained: make_adam(trained, adam),
            rate=Rates(settings["optimizer"]),
            evaluate_with=self._evaluate,
            mend=MEND,
        )
        trainer.add_callback(self.schedule)
        trainer.add_callback(ProgressBar(trainer.seen, self.is_main))
        return trainer

    def _note_texts(self, corpus: str, examples: Sequence[Example]) -> None:
        self._noted.add(corpus)
        if self.is_main:
            self.folder.note_texts(corpus, examples, self.same_texts)

    def _note_unread(self) -> None:
        corpora = {"train": self.train_corpus, "dev": self.dev_corpus}
        for name, corpus in corpora.items():
            if name not in self._noted and self.settings["max_epochs"] >= 0:
                self._note_texts(name, list(corpus(self.nlp)))

    # --- scores, and what is written

    def _evaluate(self) -> dict[str, Any]:
        """Scores, the same in all processes; the best pipeline and the report are written."""
        state, lm = self.trainer.state, self.shim.loaded.lm
        self.shim.note_step()
        lm.wrapped = self.trainer.model_wrapped if self.is_sharded else None
        try:
            with self.trainer.as_loaded():
                found = self.scores()
        finally:
            lm.wrapped = None
        best = best_evaluation(state)
        is_best = best is None or found["score"] > best[0]
        info = self._info(found)
        update_meta(self.settings, self.nlp, info)
        if is_best:
            self._write("model-best")
        if self.is_main:
            self._log_step(info)
            entry = {"step": state.global_step, "epoch": state.epoch, "eval_score": 0.0}
            about = {"labels": list(self.pipe.labels), "processes": self.args.world_size}
            history: list[Any] = [*state.log_history, {**entry, "details": found}]
            write_report(self.options.output, history, about)
        return found

    def _info(self, found: dict[str, Any]) -> dict[str, Any]:
        """What loggers of spaCy take."""
        state = self.trainer.state
        return {
            "epoch": int(state.epoch or 0),
            "step": state.global_step,
            "score": found["score"],
            "other_scores": {k: v for k, v in found.items() if k != "score"},
            "losses": {self.pipe.name: self.trainer.take_losses()},
            "checkpoints": [*evaluations(state), (found["score"], state.global_step)],
            "seconds": int(time.monotonic() - self._began),
            "words": self.trainer.seen["words"],
            "output_path": str(self.folder.best),
        }

    def _write(self, name: str) -> None:
        """By the main process; where weights are spread, all of them hand over their parts."""
        lm = self.shim.loaded.lm
        if self.is_sharded:
            lm.gathered = self.trainer.accelerator.get_state_dict(self.trainer.model_wrapped)
        try:
            if self.is_main:
                ready = create_before_to_disk_callback(self.settings["before_to_disk"])(self.nlp)
                self.folder.write_pipeline(ready, name)
        finally:
            lm.gathered = None

    def _open_logger(self) -> Callable[[], None]:
        """The config's logger, in the main process; returns what closes it."""
        if not self.is_main:
            return lambda: None
        with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
            self._log_step, finish = self.settings["logger"](self.nlp, AboveBars(), sys.stderr)
        return finish


def load_train_config(path: Path, overrides: dict[str, Any]) -> Config:
    """As `spacy train` reads it."""
    return util.load_config(path, overrides=overrides, interpolate=False)
