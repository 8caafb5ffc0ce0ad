"""The prompt tree: id sequences merged by their common prefix, packed into rows.

A node is a token; it sees its ancestors and itself, and its position is its depth. Texts that
share a row do not see each other. Decoder and trainer use the same class: the trainer adds
all sequences and takes them as one pass, the decoder adds what it has just learned and takes
a pass at a time, behind which the model's KV cache holds the columns of the passes before.

Knows nothing of models, tokenizers or labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TreePass:
    """The nodes of one forward pass.

    ids, positions: [rows, new columns]; a padded column has id 0 and sees itself only.
    mask: [rows, 1, new columns, all columns], True where a node (query) may see another (key).
    window_mask: the same cut to a sliding window of depths, None without a window.
    """

    ids: Ints
    positions: Ints
    mask: Bools
    window_mask: Bools | None


class PromptTree:
    """One tree a text, several texts a row.

    rows: the row of each text. window: for models with a sliding window, how many positions
    back a node sees in those layers, itself included. preamble: ids that all texts begin with,
    which are in every row's cache already: its first nodes, in its first columns.
    """

    def __init__(
        self, rows: Sequence[int], window: int | None = None, preamble: Sequence[int] = ()
    ) -> None:
        self.rows = list(rows)
        self.n_rows = max(self.rows, default=-1) + 1
        self.window = window
        self.preamble = n = len(preamble)
        self.ids: list[int] = list(preamble)
        self.column: list[int] = list(range(n))
        self.depth: list[int] = list(range(n))
        self.text: list[int] = [-1] * n
        self._children: dict[tuple[int, int], int] = {}
        self._pass_start = n  # first column of the pass being gathered
        self._pass_node = n  # first node of the pass being gathered
        self._used = [0] * self.n_rows  # columns of that pass in use, a row
        self._sees: Bools = np.zeros((self.n_rows, n + 64, n + 64), dtype=bool)
        self._sees[:, :n, :n] = _causal(n)
        self._column_depth: Ints = np.zeros((self.n_rows, n + 64), dtype=np.int64)
        self._column_depth[:, :n] = np.arange(n)

    def __len__(self) -> int:
        """Nodes so far, padding not counted."""
        return len(self.ids)

    def add(
        self,
        text: int,
        ids: Sequence[int],
        along: Sequence[int] = (),
        bidirectional: int = 0,
        fresh: int = 0,
    ) -> list[int]:
        """Adds a sequence from the root of a text's tree and returns its nodes.

        along: nodes of its first ids that are known already, to spare the walk.
        bidirectional: the first so many ids see each other both ways. They must be new, that
        is, the first sequence that is added for this text. fresh: the last so many ids are in the
        next pass, even those that an earlier one had.

        Raises ValueError where `bidirectional` asks for nodes that were there before, and for a
        sequence that does not begin with the preamble.
        """
        nodes = list(along)
        if not nodes and self.preamble:
            nodes = list(range(self.preamble))
            if list(ids[: self.preamble]) != self.ids[: self.preamble]:
                raise ValueError(f"text {text} does not begin with the preamble of its tree")
        while len(nodes) < len(ids):
            child = self._children.get((self._key(text, nodes), ids[len(nodes)]))
            if child is None or (child < self._pass_node and len(nodes) >= len(ids) - fresh):
                break
            nodes.append(child)
        if bidirectional and nodes and len(nodes) < bidirectional:
            raise ValueError(
                f"the first {bidirectional} ids of text {text} can see each other only if they "
                f"are added at once; {len(nodes)} of them were there before"
            )
        if len(nodes) < len(ids):
            fresh_trunk = bidirectional if not nodes else 0
            nodes += self._add_chain(text, nodes, ids[len(nodes) :], fresh_trunk)
        return nodes

    def _key(self, text: int, nodes: Sequence[int]) -> int:
        return nodes[-1] if len(nodes) > self.preamble else -1 - text

    def _add_chain(
        self, text: int, path: Sequence[int], ids: Sequence[int], bidirectional: int
    ) -> list[int]:
        row, length = self.rows[text], len(ids)
        start = self._pass_start + self._used[row]
        end = start + length
        self._reserve(end)
        block = self._sees[row]
        if path:
            block[start:end] = block[self.column[path[-1]]]
        block[start:end, start:end] = _causal(length)
        if bidirectional:
            block[start : start + bidirectional, start : start + bidirectional] = True
        first_depth, first_node = len(path), len(self.ids)
        self._column_depth[row, start:end] = np.arange(first_depth, first_depth + length)
        nodes = list(range(first_node, first_node + length))
        parent = self._key(text, path)
        for node, token in zip(nodes, ids, strict=True):
            self._children[parent, token] = parent = node
        self.ids += ids
        self.column += range(start, end)
        self.depth += range(first_depth, first_depth + length)
        self.text += [text] * length
        self._used[row] += length
        return nodes

    def _reserve(self, columns: int) -> None:
        have = self._sees.shape[1]
        if columns > have:
            more = max(columns, 2 * have) - have
            self._sees = np.pad(self._sees, ((0, 0), (0, more), (0, more)))
            self._column_depth = np.pad(self._column_depth, ((0, 0), (0, more)))

    @property
    def pending(self) -> int:
        """Columns that the next pass will have."""
        return max(self._used, default=0)

    def take_pass(self, width: int | None = None) -> TreePass:
        """All nodes added since the last pass, as one forward pass.

        width: columns that it shall have, padding included; just enough if None.

        Raises ValueError where nothing was added, or more than `width` holds.
        """
        width, start = width or self.pending, self._pass_start
        if not self.pending:
            raise ValueError("no node was added since the last pass")
        if width < self.pending:
            raise ValueError(f"{self.pending} nodes a row do not fit into {width} columns")
        end = start + width
        self._reserve(end)
        for row, used in enumerate(self._used):
            pad = np.arange(start + used, end)
            self._sees[row, pad, :] = False
            self._sees[row, pad, pad] = True
        ids = np.zeros((self.n_rows, width), dtype=np.int64)
        new = slice(self._pass_node, len(self.ids))
        rows = [self.rows[text] for text in self.text[new]]
        ids[rows, np.asarray(self.column[new]) - start] = self.ids[new]
        sees = self._sees[:, start:end, :end]
        depth_q, depth_k = self._column_depth[:, start:end], self._column_depth[:, :end]
        window_mask = None
        if self.window is not None:
            near = np.abs(depth_q[:, :, None] - depth_k[:, None, :]) < self.window
            window_mask = (sees & near)[:, None]
        taken = TreePass(ids, depth_q.copy(), sees[:, None].copy(), window_mask)
        self._pass_start, self._pass_node = end, len(self.ids)
        self._used = [0] * self.n_rows
        return taken

    def place(self, nodes: Iterable[int], taken: TreePass) -> tuple[Ints, Ints]:
        """Row and column, within the last pass taken, of nodes that were in it.

        Raises ValueError for a node of an earlier pass.
        """
        nodes = list(nodes)
        first = self._pass_start - taken.ids.shape[1]
        rows = np.array([self.rows[self.text[node]] for node in nodes], dtype=np.int64)
        columns = np.array([self.column[node] for node in nodes], dtype=np.int64) - first
        if columns.size and columns.min() < 0:
            raise ValueError("a node of an earlier pass has no place in the last one")
        return rows, columns


def _causal(length: int) -> Bools:
    """Branches are short and many; texts are long and few."""
    return _short_causal(length) if length <= 32 else np.tri(length, dtype=bool)


@lru_cache(maxsize=32)
def _short_causal(length: int) -> Bools:
    return np.tri(length, dtype=bool)


def pack_rows(sizes: Sequence[int], width: int) -> list[int]:
    """The row of each text so that a row holds about `width` nodes, rows balanced.

    sizes: nodes a text. The number of rows is the least that the width allows; the largest
    texts are placed first, each in the row that is emptiest (longest processing time first).
    """
    if not sizes:
        return []
    n_rows = max(1, min(len(sizes), -(-sum(sizes) // max(width, max(sizes)))))
    filled = [0] * n_rows
    rows = [0] * len(sizes)
    for text in sorted(range(len(sizes)), key=lambda text: -sizes[text]):
        row = filled.index(min(filled))
        rows[text] = row
        filled[row] += sizes[text]
    return rows
