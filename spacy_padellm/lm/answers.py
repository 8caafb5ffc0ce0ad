"""Logits on a device to answers in numpy: gathered and reduced there, brought over in one go."""

from collections.abc import Sequence

import numpy as np
import torch

from ..prompts.tree import Ints
from .choices import Choices
from .session import Answer, Question


def read_answers(
    logits: torch.Tensor, questions: Sequence[Question], choices: Choices
) -> list[Answer]:
    """logits: [questions, choices], float32.

    Only logits of candidates, and of what probability is spread over, are gathered: a mask over
    [questions, vocabulary] would cost far more. Where ids are free, their numbers come over apart.
    """
    free = [i for i, question in enumerate(questions) if question.candidates is None]
    whole = [i for i, question in enumerate(questions) if question.among is None]
    asked = [(i, q.candidates) for i, q in enumerate(questions) if q.candidates is not None]
    among = [(i, q.among) for i, q in enumerate(questions) if q.among is not None]
    parts = [_gather(logits, [*asked, *among], choices)]
    if free:
        best, tokens = _rows(logits, free).max(dim=-1)
        parts.append(best)
    if whole:
        parts.append(_log_normaliser(_rows(logits, whole)))
    values = (torch.cat(parts) if len(parts) > 1 else parts[0]).cpu().numpy()
    sizes = [len(ids) for _, ids in asked]
    n_asked, n_among = sum(sizes), sum(len(ids) for _, ids in among)
    spread = np.empty(len(questions), dtype=np.float32)
    if among:
        sums = _log_sums(values[n_asked : n_asked + n_among], [len(ids) for _, ids in among])
        spread[[i for i, _ in among]] = sums
    if whole:
        spread[whole] = values[-len(whole) :]
    log_probs = values[:n_asked] - np.repeat(spread[[i for i, _ in asked]], sizes)
    pieces = np.split(log_probs, np.cumsum(sizes)[:-1]) if asked else []
    found = {i: Answer(ids, of_one) for (i, ids), of_one in zip(asked, pieces, strict=True)}
    if free:
        scores = values[n_asked + n_among :][: len(free)] - spread[free]
        ids = choices.ids_of(tokens.cpu().numpy())
        found |= {i: Answer(ids[[k]], scores[[k]]) for k, i in enumerate(free)}
    return [found[i] for i in range(len(questions))]


def _gather(
    logits: torch.Tensor, wanted: Sequence[tuple[int, Ints]], choices: Choices
) -> torch.Tensor:
    """The logits of some ids, one row's behind the other's. wanted: rows, and ids in each."""
    if not wanted:
        return logits[:0, 0]
    rows = np.repeat([row for row, _ in wanted], [len(ids) for _, ids in wanted])
    columns = choices.columns(np.concatenate([ids for _, ids in wanted]))
    at = torch.from_numpy(np.stack([rows, columns])).to(logits.device)
    return logits[at[0], at[1]]


def _log_sums(values: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Log of the summed exponentials of each piece of so many values."""
    starts = np.cumsum(sizes, dtype=np.int64) - np.asarray(sizes, dtype=np.int64)
    highest = np.maximum.reduceat(values, starts)
    sums = np.add.reduceat(np.exp(values - np.repeat(highest, sizes), dtype=np.float64), starts)
    return highest + np.log(sums)


def _rows(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    return logits if len(rows) == len(logits) else logits[rows]


def _log_normaliser(logits: torch.Tensor) -> torch.Tensor:
    """Log of the summed exponentials of each row, [rows]. By way of log_softmax, which runs twice
    as fast as logsumexp on a CPU."""
    return logits[:, 0] - torch.log_softmax(logits, dim=-1)[:, 0]
