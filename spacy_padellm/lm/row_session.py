"""The session for any architecture: one row a branch, the text's cache repeated.

With `share=False` it is the paper's own algorithm: every prompt of both steps is encoded whole.
With `cached=False` no cache is kept at all (recurrent models), every pass reads whole rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import Bools, Ints, TreePass
from .choices import Choices
from .preambles import open_preamble
from .runtime import Passes
from .session import Answer, Branch, Question


class RowSession:
    """Rows are padded on the right; padding and forgotten columns are masked out. Every group of
    branches shares a cache, [branches, columns]. Selecting rows of a parent's cache is what the
    paper calls repeating the prefix."""

    def __init__(
        self,
        lm: Passes,
        prompts: Sequence[TextPrompt],
        bidirectional: bool = False,
        share: bool = True,
        cached: bool = True,
        choices: Choices | None = None,
    ) -> None:
        self.lm = lm
        self.choices = choices or Choices()
        self.prompts = prompts
        self.bidirectional = bidirectional
        self.share = share
        self.cached = cached
        self.kept = 0
        self._states: dict[Branch, tuple[_Rows, int]] = {}
        self._preamble = _Start(None, 0, known=0)
        ids, cache, self.tokens = open_preamble(lm, prompts if share and cached else [])
        self.passes = int(self.tokens > 0)
        if ids:
            rows = _Rows(cache, np.ones((1, len(ids)), dtype=bool), np.array([len(ids)]), kept=True)
            self._preamble = _Start(rows, 0, known=len(ids))

    def extend(
        self, branches: Sequence[Branch], questions: Sequence[Sequence[Question]]
    ) -> list[Answer]:
        with self.lm.decoding():
            found = self._ask(branches, questions)
        return [answer for of_branch in found for answer in of_branch]

    def _ask(
        self, branches: Sequence[Branch], questions: Sequence[Sequence[Question]]
    ) -> list[list[Answer]]:
        """The answers of each branch."""
        if not self.cached:
            rows = _Rows.empty(None, len(branches))
            return self._run(rows, [branch.ids for branch in branches], questions)
        self._encode_origins(branches)
        if not self.share:  # no other branch goes on from what these do not
            self._states = {b: self._states[b] for b in branches if b in self._states}
        groups: dict[int, list[int]] = {}
        starts = [self._start(branch) for branch in branches]
        for i, start in enumerate(starts):
            groups.setdefault(id(start.rows), []).append(i)
        found: dict[int, list[Answer]] = {}
        for members in groups.values():
            group = [branches[i] for i in members]
            rows, news = self._go_on(group, [starts[i] for i in members])
            of_group = self._run(rows, news, [questions[i] for i in members], group)
            found.update(zip(members, of_group, strict=True))
            for row, branch in enumerate(group):
                branch.nodes = list(range(len(branch.ids)))
                self._states[branch] = (rows, row)
        held = {id(rows): rows for rows, _ in self._states.values()}
        self.kept = max(self.kept, sum(rows.columns.size for rows in held.values()))
        return [found[i] for i in range(len(branches))]

    def close(self) -> None:
        self._states = {}

    def _encode_origins(self, branches: Sequence[Branch]) -> None:
        """Texts first, once each, where prefixes are shared."""
        if self.share:
            origins = {b.origin: None for b in branches if not b.nodes and b.origin is not None}
            fresh = [origin for origin in origins if origin not in self._states]
            if fresh:
                self._ask(fresh, [[]] * len(fresh))

    def _start(self, branch: Branch) -> "_Start":
        """Where a branch goes on from: its own row, its origin's, the preamble, or nothing."""
        if branch in self._states:
            return _Start(*self._states[branch], known=len(branch.nodes))
        if self.share and branch.origin is not None:
            # The last id is always run, since its logits are wanted.
            known = min(branch.shared_with_origin(), len(branch.ids) - 1)
            return _Start(*self._states[branch.origin], known=known)
        return self._preamble

    def _go_on(
        self, branches: Sequence[Branch], starts: Sequence["_Start"]
    ) -> tuple["_Rows", list[list[int]]]:
        """The rows to append to, and the new ids of each branch."""
        news = [b.ids[s.known :] for b, s in zip(branches, starts, strict=True)]
        source = starts[0].rows
        if source is None:
            return _Rows.empty(self.lm.new_cache(), len(branches)), news
        picked, known = [s.row for s in starts], [s.known for s in starts]
        return source.select(picked, known, self.lm.select_rows), news

    def _run(
        self,
        rows: "_Rows",
        news: Sequence[Sequence[int]],
        questions: Sequence[Sequence[Question]],
        branches: Sequence[Branch] = (),
    ) -> list[list[Answer]]:
        """Answers the questions behind the last ids of each row."""
        width = max(map(len, news))
        ids = np.zeros((len(news), width), dtype=np.int64)
        real = np.zeros((len(news), width), dtype=bool)
        for i, new in enumerate(news):
            ids[i, : len(new)] = new
            real[i, : len(new)] = True
        positions = rows.lengths[:, None] + np.arange(width)[None]
        first = rows.columns.shape[1] == 0
        rows.columns = np.concatenate([rows.columns, real], axis=1)
        rows.lengths = rows.lengths + real.sum(axis=1)
        self.passes += 1
        self.tokens += ids.size
        sizes = [len(asked) for asked in questions]
        wanted = [max(size, 1) for size in sizes]
        at = (
            np.repeat(np.arange(len(news)), wanted),
            np.concatenate(
                [np.arange(len(new) - n, len(new)) for new, n in zip(news, wanted, strict=True)]
            ),
        )
        if self.lm.tree:
            inside = self._both_ways(real, branches) if self.bidirectional and first else None
            taken = _as_pass(ids, positions, rows.columns, inside, self.lm.window)
            logits = self.lm.tree_pass(taken, rows.cache, *at, self.choices.ids)
        else:
            known = rows.columns
            logits = self.lm.causal_pass(ids, known, positions, rows.cache, *at, self.choices.ids)
        if not any(sizes):
            return [[] for _ in sizes]
        answers = iter(
            self.lm.read_logits(logits, [q for asked in questions for q in asked], self.choices)
        )
        return [[next(answers) for _ in asked] for asked in questions]

    def _both_ways(self, real: Bools, branches: Sequence[Branch]) -> Bools:
        """[rows, columns], the part of each row whose tokens see each other both ways."""
        inside = np.zeros_like(real)
        for i, branch in enumerate(branches):
            inside[i, : self.prompts[branch.text].bidirectional_length] = True
        return inside & real


def _as_pass(
    ids: Ints, positions: Ints, columns: Bools, inside: Bools | None, window: int | None
) -> TreePass:
    """Rows as a pass with a mask of its own, for models that take one."""
    width, known = ids.shape[1], columns.shape[1]
    mask = columns[:, None, :] & np.tri(width, known, known - width, dtype=bool)[None]
    if inside is not None:
        mask |= inside[:, :, None] & inside[:, None, :]
    mask |= np.eye(width, known, known - width, dtype=bool)[None]
    window_mask = None
    if window is not None:
        key_positions = np.cumsum(columns, axis=1) - 1
        near = np.abs(positions[:, :, None] - key_positions[:, None, :]) < window
        window_mask = (mask & near)[:, None]
    return TreePass(ids, positions, mask[:, None], window_mask)


@dataclass
class _Start:
    rows: "_Rows | None"
    row: int
    known: int


@dataclass(eq=False)
class _Rows:
    """A cache with what its columns mean. columns: [rows, columns], True where a column belongs to
    the row's sequence. lengths: [rows], tokens in the sequence. kept: whether other sessions begin
    with it, so that nothing may be added."""

    cache: Any
    columns: np.ndarray
    lengths: np.ndarray
    kept: bool = False

    @classmethod
    def empty(cls, cache: Any, n: int) -> "_Rows":
        return cls(cache, np.zeros((n, 0), dtype=bool), np.zeros(n, dtype=np.int64))

    def select(
        self,
        picked: Sequence[int],
        known: Sequence[int],
        select_rows: Callable[[Any, Ints], Any],
    ) -> "_Rows":
        """Rows picked (some perhaps several times), each forgetting all after `known` ids."""
        index = np.asarray(picked)
        columns = self.columns[index]
        lengths = np.asarray(known, dtype=np.int64)
        columns = columns & (np.cumsum(columns, axis=1) <= lengths[:, None])
        same = not self.kept and np.array_equal(index, np.arange(len(self.lengths)))
        cache = self.cache if same else select_rows(self.cache, index)
        return _Rows(cache, columns, lengths)
