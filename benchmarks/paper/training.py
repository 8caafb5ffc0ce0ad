"""Tuning a base to a format, by the Trainer of all training here, from its last checkpoint."""

import random
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerState

from spacy_padellm.atomic import whole_folder
from spacy_padellm.learning.batch import TrainingBatch
from spacy_padellm.learning.examples import TrainingText
from spacy_padellm.learning.optimizer import AdamSettings, make_adam
from spacy_padellm.models.adapter_settings import AdapterSettings
from spacy_padellm.models.hardware import Hardware
from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import LoadedModel, ModelSource
from spacy_padellm.models.save import save_model
from spacy_padellm.models.special_tokens import add_special_tokens
from spacy_padellm.models.trainable import make_trainable
from spacy_padellm.prompts.template import get_template
from spacy_padellm.training.budget import Budget
from spacy_padellm.training.checkpoints import STATE, last_whole
from spacy_padellm.training.from_text.clock import cpu_before, spent_before
from spacy_padellm.training.from_text.trainer import train
from spacy_padellm.training.trainer import Step
from spacy_padellm.training.tree_task import TreeTask

from .cells import Cell
from .encoding import make_encoder, make_texts
from .folder import CHECKPOINTS, MODEL
from .guidelines import guidelines
from .recipe import Recipe
from .sets import Drawn, find_paper_set

PASS_TOKENS = 1024  # of a forward pass on a CPU: memory, not what is learned
DEVICE_PASS_TOKENS = 4096
CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class PrecisionTask(TreeTask):
    """Multiplies matrices in bfloat16 if `low` says so, else in float32, on any device."""

    low: bool = False

    def losses(self, one: TrainingBatch, wrapped: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        device = self.lm.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.low):
            return super().losses(one, wrapped)


@dataclass(frozen=True)
class Schedule:
    """The same batches in the same order for every format, since they go by the texts' own tokens.

    sizes: tokens of each text. recipe: how many go into a step, how many epochs and steps there
    are. seed: of the order.
    """

    sizes: Sequence[int]
    recipe: Recipe
    seed: int

    def batches(self) -> list[tuple[float, list[int]]]:
        """Of all epochs, with the epoch that is reached; shuffled anew for each."""
        found = []
        for epoch in range(self.recipe.epochs):
            order = list(range(len(self.sizes)))
            random.Random(f"{self.seed} {epoch}").shuffle(order)
            plans = self._cut(order)
            read = 0
            for plan in plans:
                read += len(plan)
                found.append((epoch + read / len(order), plan))
        return found[: self.recipe.steps]

    def _cut(self, order: Sequence[int]) -> list[list[int]]:
        plans: list[list[int]] = []
        filled = 0
        for i in order:
            if not plans or filled + self.sizes[i] > self.recipe.batch_tokens:
                plans.append([])
                filled = 0
            plans[-1].append(i)
            filled += self.sizes[i]
        return plans


def tune(cell: Cell, recipe: Recipe, drawn: Drawn, folder: Path) -> dict[str, Any]:
    """Leaves the tuned adapter in `folder/model`, beside the checkpoints in `folder/train`. Returns
    what it took."""
    torch.manual_seed(cell.seed)
    loaded = load_for(cell, recipe, drawn.labels)
    encoder = make_encoder(loaded, find_paper_set(cell.set).by_character)
    texts = make_texts(cell.format, encoder, drawn.train, drawn.labels)
    batches = Schedule(
        [len(text.prompt.encoded.ids) for text in texts], recipe, cell.seed
    ).batches()
    checkpoints = folder / CHECKPOINTS

    def steps(first: int) -> Iterator[Step]:
        for number, (epoch, plan) in enumerate(batches):
            if number >= first:
                own = [texts[i] for i in plan]
                words = sum(len(drawn.train[i].text.split()) for i in plan)
                yield Step(number, epoch, words, own)

    log = train(
        loaded.lm.trained,
        PrecisionTask(
            loaded.lm,
            loaded.template,
            PASS_TOKENS if loaded.lm.device.type == "cpu" else DEVICE_PASS_TOKENS,
            texts[0],
            low=recipe.precision == "bfloat16",
        ),
        steps,
        checkpoints,
        Budget(steps=len(batches)),
        loaded.lm.device,
        optimizer=lambda trained: make_adam(trained, AdamSettings(weight_decay=0.0)),
        learn_rate=recipe.learn_rate,
        clip=1.0,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        label=str(cell),
        request={"cell": str(cell), "recipe": recipe.record()},
    )
    loaded.lm.model.eval()
    minutes = _minutes(checkpoints)
    with whole_folder(folder / MODEL) as fresh:
        save_model(loaded, fresh, "reference")
    return _figures(texts, len(batches), minutes, log, loaded)


def load_for(cell: Cell, recipe: Recipe, labels: tuple[str, ...]) -> LoadedModel:
    """The base with an untrained adapter, that is asked for these labels under the template of the
    cell; what tokens it does not know are trained with it."""
    source = ModelSource(recipe.base, hardware=Hardware(dtype=recipe.dtype))
    loaded = load_model(source, alone=True)
    loaded = loaded.asking(get_template(cell.template)).to_train(labels)
    if cell.prompt == "guided":
        told = guidelines(cell.set)
        loaded = loaded.for_labels({label: told.get(label, "") for label in labels})
    adapter = AdapterSettings(rank=recipe.rank, alpha=2 * recipe.rank, targets="all-linear")
    return make_trainable(add_special_tokens(loaded, labels), adapter)


def _minutes(checkpoints: Path) -> dict[str, float]:
    """Of all steps, over all runs that were resumed: "wall", and "cpu" of the processor."""
    found = last_whole(checkpoints)
    if found is None:
        return {"wall": 0.0, "cpu": 0.0}
    state = TrainerState.load_from_json(str(found.path / STATE))
    seconds = {"wall": spent_before(state), "cpu": cpu_before(state)}
    return {clock: round(of / 60, 3) for clock, of in seconds.items()}


def _figures(
    texts: Sequence[TrainingText],
    steps: int,
    minutes: dict[str, float],
    log: Sequence[dict[str, Any]],
    loaded: LoadedModel,
) -> dict[str, Any]:
    targets = sum(path.n_targets for text in texts for path in text.paths)
    losses = [entry["loss"] for entry in log if "loss" in entry]
    trained = [p.numel() for p in loaded.lm.trained.parameters() if p.requires_grad]
    return {
        "steps": steps,
        "minutes": minutes,
        "targets_a_text": round(targets / len(texts), 2),
        "tokens_a_text": round(sum(text.size for text in texts) / len(texts), 1),
        "unaligned": sum(len(text.unaligned) for text in texts),
        "last_loss": round(losses[-1], 4) if losses else None,
        "trained_weights": sum(trained),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
