"""Language-model pretraining on plain text, before there are labels.

Half of the rows are read as a prefix LM: a first part whose tokens see each other both ways,
then a causal rest that bears the loss; the other half is causal throughout. A model for a
template with `bidirectional` starts from weights that know both.
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...atomic import whole_file
from ...formats import files
from ...learning.optimizer import AdamSettings, make_adam
from ...progress import follow
from ..budget import Budget
from ..trainer import Step
from .trainer import train

logger = logging.getLogger(__name__)


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a text file, plain, .gz or .xz, without their line ends; blank ones are left out.
    Raises FormatError as `formats.files.read_lines`."""
    return (line for _, line in files.read_lines(path) if line.strip())


def encode_lines(tokenizer: Any, lines: Iterable[str], batch: int = 2000) -> Iterator[np.ndarray]:
    """Ids of all lines in pieces, each line ended by the end-of-sequence token."""
    lines = iter(lines)
    eos = tokenizer.eos_token_id
    while pending := list(itertools.islice(lines, batch)):
        encoded = tokenizer(pending, add_special_tokens=False, split_special_tokens=True)
        ids = [number for line in encoded["input_ids"] for number in (*line, eos)]
        yield np.asarray(ids, dtype=_id_type(tokenizer))


def encode_files(
    tokenizer: Any, paths: Sequence[Path], target: Path, progress: bool = True
) -> np.ndarray:
    """The ids of text files as one array that stays on disk, in `target`. Neither texts nor ids are
    ever in memory as a whole. A file that is there is taken as it is; one that was begun by a
    killed run is begun anew. Raises ValueError for files without a line."""
    if target.exists() and target.stat().st_size % np.dtype(_id_type(tokenizer)).itemsize:
        logger.warning("%s is damaged: the texts are encoded anew", target)
        target.unlink()
    if not target.exists():
        lines = itertools.chain.from_iterable(map(read_lines, paths))
        with whole_file(target) as fresh, fresh.open("wb") as file:
            for ids in encode_lines(tokenizer, follow(lines, "lines", "encode", progress)):
                file.write(ids.tobytes())
    if not target.stat().st_size:
        target.unlink()
        raise ValueError(f"there is no text in {', '.join(map(str, paths))}")
    return np.memmap(target, dtype=_id_type(tokenizer), mode="r")


def _id_type(tokenizer: Any) -> Any:
    return np.uint16 if len(tokenizer) < 2**16 else np.uint32


def pretrain(
    model: Any,
    ids: np.ndarray,
    output: Path,
    budget: Budget,
    *,
    rows: int = 16,
    row_length: int = 256,
    learn_rate: float = 3e-3,
    weight_decay: float = 0.05,
    clip: float = 1.0,
    checkpoint_seconds: float = 120,
    seed: int = 0,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Trains `model` in place for a time or a number of steps; resumes from `output`.

    ids: the corpus as one array. output: folder for checkpoints and log.json.

    Returns the log: step, loss (nats a token), tokens per second. Raises ValueError for too few
    ids, and a loss that is not a number.
    """
    if len(ids) <= row_length + 1:
        raise ValueError(f"the corpus has {len(ids)} tokens, fewer than a row of {row_length}")

    def steps(first: int) -> Iterator[Step]:
        for number in itertools.count(first):  # an epoch: as many tokens as there are
            tokens = rows * row_length
            yield Step(number, (number + 1) * tokens / len(ids), tokens)

    return train(
        model,
        RowTask(model, ids, rows, row_length, seed),
        steps,
        output,
        budget,
        next(model.parameters()).device,
        optimizer=lambda trained: make_adam(trained, AdamSettings(weight_decay=weight_decay)),
        learn_rate=learn_rate,
        clip=clip,
        checkpoint_seconds=checkpoint_seconds,
        label="LM",
        show=progress,
    )


@dataclass(frozen=True)
class RowBatch:
    """inputs, targets: [rows, length], -100 where a target is ignored. mask: [rows, 1, length,
    length]. weight: the loss is a mean already."""

    inputs: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    weight: float = 1.0

    @property
    def n_tokens(self) -> int:
        return self.inputs.numel()


@dataclass(frozen=True)
class RowTask:
    """The next token of rows that are sampled anew for each step."""

    model: Any
    ids: np.ndarray
    rows: int
    row_length: int
    seed: int = 0

    def passes(self, step: Step) -> list[RowBatch]:
        rng = np.random.default_rng((self.seed, step.number))
        batch, prefix = _sample(self.ids, self.rows, self.row_length, rng)
        device = self.model.device
        inputs, targets = batch[:, :-1].to(device), batch[:, 1:].clone().to(device)
        mask, targets = _prefix_mask(prefix.to(device), targets)
        return [RowBatch(inputs, targets, mask)]

    def idle(self) -> RowBatch:
        raise NotImplementedError("rows are sampled in one process")

    def losses(self, one: RowBatch, wrapped: Any) -> tuple[torch.Tensor, None]:
        inputs = {"input_ids": one.inputs, "attention_mask": one.mask}
        logits = self.model(**inputs, use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), one.targets.flatten()), None


def _sample(
    ids: np.ndarray, rows: int, length: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    starts = rng.integers(0, len(ids) - length - 1, size=rows)
    batch = np.stack([ids[s : s + length + 1] for s in starts]).astype(np.int64)
    prefix = rng.integers(length // 10, (7 * length) // 10, size=rows)
    prefix[rng.random(rows) < 0.5] = 0
    return torch.from_numpy(batch), torch.from_numpy(prefix)


def _prefix_mask(prefix: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """mask [rows, 1, n, n]; targets of a prefix are set to be ignored, its last one stays."""
    n = targets.shape[1]
    column = torch.arange(n, device=prefix.device)
    inside = column[None] < prefix[:, None]
    causal = column[:, None] >= column[None]
    mask = causal[None] | (inside[:, :, None] & inside[:, None, :])
    ignored = column[None] < prefix[:, None] - 1
    return mask[:, None], targets.masked_fill(ignored, -100)
