"""Language-model pretraining on plain text, before there are labels.

Half of the rows are read as a prefix LM: a first part whose tokens see each other both ways,
then a causal rest that bears the loss; the other half is causal throughout. A model for a
template with `bidirectional` starts from weights that know both.
"""

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from ...atomic import whole_file
from ...formats import files
from ...learning.optimizer import AdamSettings, make_adam, take_step, warmup_cosine
from ..budget import check_budget, check_loss
from ..checkpoint import load_checkpoint, save_checkpoint

logger = logging.getLogger(__name__)


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a text file, plain, .gz or .xz, without their line ends; blank ones are left out.

    Raises FormatError as `formats.files.read_lines`.
    """
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
    """The ids of text files as one array that stays on disk, in `target`.

    Neither texts nor ids are ever in memory as a whole. A file that is there is taken as it is;
    one that was begun by a killed run is begun anew.

    Raises ValueError for files without a line.
    """
    if target.exists() and target.stat().st_size % np.dtype(_id_type(tokenizer)).itemsize:
        logger.warning("%s is damaged: the texts are encoded anew", target)
        target.unlink()
    if not target.exists():
        lines = itertools.chain.from_iterable(map(read_lines, paths))
        with whole_file(target) as fresh, fresh.open("wb") as file:
            bar = tqdm(lines, desc="encode", unit=" lines", disable=not progress)
            for ids in encode_lines(tokenizer, bar):
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
    *,
    seconds: float | None = None,
    steps: int | None = None,
    rows: int = 16,
    row_length: int = 256,
    learn_rate: float = 3e-3,
    weight_decay: float = 0.05,
    clip: float = 1.0,
    checkpoint_seconds: float = 120,
    seed: int = 0,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Trains `model` in place for a time or a number of steps; resumes from `output`.

    ids: the corpus as one array. output: folder for checkpoint.pt. seconds: wall-clock budget
    over all resumed runs, with the learning rate following the time; or steps.

    Returns the log: step, loss (nats a token), tokens a second. Raises ValueError for no budget,
    too few ids, and a loss that is no number.
    """
    check_budget(seconds, steps)
    if len(ids) <= row_length + 1:
        raise ValueError(f"the corpus has {len(ids)} tokens, fewer than a row of {row_length}")
    device = next(model.parameters()).device
    optimizer = make_adam(model, AdamSettings(weight_decay=weight_decay))
    schedule = warmup_cosine()
    step, spent, log = 0, 0.0, []
    needs = ("model", "optimizer", "step", "spent", "log")
    state = load_checkpoint(output / "checkpoint.pt", needs)
    if state:
        torch.set_rng_state(state.get("rng", torch.get_rng_state()))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent, log = state["step"], state["spent"], state["log"]
        logger.info("resuming pretraining at step %d", step)

    def save() -> None:
        save_checkpoint(
            output / "checkpoint.pt",
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "spent": spent,
                "log": log,
                "rng": torch.get_rng_state(),
            },
        )

    def done() -> float:
        return spent / seconds if seconds else step / steps  # type: ignore[operator]

    model.train()
    bar = tqdm(total=100, initial=int(100 * done()), unit="%", disable=not progress, desc="LM")
    last_save = last_log = time.monotonic()
    losses: list[float] = []
    while done() < 1:
        began = time.monotonic()
        batch, prefix = _sample(ids, rows, row_length, np.random.default_rng((seed, step)))
        inputs, targets = batch[:, :-1].to(device), batch[:, 1:].clone().to(device)
        mask, targets = _prefix_mask(prefix.to(device), targets)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(input_ids=inputs, attention_mask=mask, use_cache=False).logits
            loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        loss.backward()
        losses.append(check_loss(loss.item(), step + 1))
        take_step(optimizer, learn_rate * schedule(done()), clip)
        step += 1
        spent += time.monotonic() - began
        if step % 50 == 0:
            now = time.monotonic()
            rate = len(losses) * rows * row_length / (now - last_log)
            entry = {"step": step, "loss": float(np.mean(losses)), "tokens_a_second": rate}
            log.append(entry)
            losses, last_log = [], now
            bar.set_postfix(loss=f"{entry['loss']:.3f}", tokens_s=f"{rate:.0f}")
        bar.n = min(100, round(100 * done(), 1))
        bar.refresh()
        if time.monotonic() - last_save > checkpoint_seconds:
            save()
            last_save = time.monotonic()
    bar.close()
    save()
    return log


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
