"""Logits, wherever they are, to answers in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..prompts.tree import Ints
from .choices import Choices
from .session import Answer, Question


@dataclass(frozen=True, eq=False)
class Reductions:
    """picked: the logits at some places. likeliest, tokens: the highest logit of some rows, and its
    column. sums: of some rows, the log of the summed exponentials."""

    picked: np.ndarray
    likeliest: np.ndarray
    tokens: Ints
    sums: np.ndarray


class Logits(Protocol):
    """Of a runtime, [questions, choices], float32."""

    def reduce(
        self, rows: Ints, columns: Ints, free: Sequence[int], whole: Sequence[int]
    ) -> Reductions:
        """rows, columns: places to pick. free: rows whose likeliest column is wanted. whole: rows
        whose log-sum is."""
        ...


def read_answers(logits: Logits, questions: Sequence[Question], choices: Choices) -> list[Answer]:
    """One question a row of logits.

    Only logits of candidates, and of what probability is spread over, are gathered: a mask over
    [questions, vocabulary] would cost far more.
    """
    free = [i for i, question in enumerate(questions) if question.candidates is None]
    whole = [i for i, question in enumerate(questions) if question.among is None]
    asked = [(i, q.candidates) for i, q in enumerate(questions) if q.candidates is not None]
    among = [(i, q.among) for i, q in enumerate(questions) if q.among is not None]
    found = logits.reduce(*_places([*asked, *among], choices), free, whole)
    sizes = [len(ids) for _, ids in asked]
    n_asked = sum(sizes)
    spread = np.empty(len(questions), dtype=np.float32)
    if among:
        sums = _log_sums(found.picked[n_asked:], [len(ids) for _, ids in among])
        spread[[i for i, _ in among]] = sums
    if whole:
        spread[whole] = found.sums
    log_probs = found.picked[:n_asked] - np.repeat(spread[[i for i, _ in asked]], sizes)
    pieces = np.split(log_probs, np.cumsum(sizes)[:-1]) if asked else []
    answers = {i: Answer(ids, of_one) for (i, ids), of_one in zip(asked, pieces, strict=True)}
    if free:
        scores = found.likeliest - spread[free]
        ids = choices.ids_of(found.tokens)
        answers |= {i: Answer(ids[[k]], scores[[k]]) for k, i in enumerate(free)}
    return [answers[i] for i in range(len(questions))]


def _places(wanted: Sequence[tuple[int, Ints]], choices: Choices) -> tuple[Ints, Ints]:
    """Rows and columns of some ids, one row's behind the other's. wanted: rows, and ids in each."""
    if not wanted:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    rows = np.repeat([row for row, _ in wanted], [len(ids) for _, ids in wanted])
    return rows.astype(np.int64), choices.columns(np.concatenate([ids for _, ids in wanted]))


def _log_sums(values: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Log of the summed exponentials of each piece of so many values."""
    starts = np.cumsum(sizes, dtype=np.int64) - np.asarray(sizes, dtype=np.int64)
    highest = np.maximum.reduceat(values, starts)
    sums = np.add.reduceat(np.exp(values - np.repeat(highest, sizes), dtype=np.float64), starts)
    return highest + np.log(sums)
