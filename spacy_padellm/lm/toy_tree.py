"""A toy tree against plain rows: does a tree mask give a model's own numbers?

Two texts with branches are run as packed trees, in two passes with a cache, and as plain rows.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..prompts.tree import Ints, PromptTree, TreePass


class ToyModel(Protocol):
    """What a runtime lets be compared: logits, or the hidden states of a model without a head.

    vocabulary: how many ids it knows. cached: whether its passes go on behind others.
    """

    vocabulary: int
    cached: bool
    window: int | None

    def open_cache(self, columns: int) -> Any: ...

    def pass_width(self, nodes: int) -> int: ...

    def in_tree(self, taken: TreePass, cache: Any, rows: Ints, columns: Ints) -> np.ndarray:
        """[len(rows), numbers] of the nodes at these places of a pass."""
        ...

    def in_row(self, ids: Sequence[int]) -> np.ndarray:
        """[len(ids), numbers] of a plain sequence."""
        ...


def toy_difference(model: ToyModel, typical: bool = False) -> float:
    """Largest difference between tree and rows, in standard deviations of the numbers. typical: the
    root mean square of a sequence's differences, for numbers that are rounded, of which one or
    the other may be far off."""
    draw = np.random.default_rng(0)

    def ids(n: int) -> list[int]:
        return [int(i) for i in draw.integers(0, model.vocabulary, n)]

    texts = [ids(9), ids(6)]
    paths: list[tuple[int, list[int]]] = []
    for text, trunk in enumerate(texts):
        for first in (ids(3), ids(2)):
            paths += [(text, [*trunk, *first, *ids(4)]), (text, [*trunk, *first, *ids(2)])]
    tree = PromptTree([0, 0], window=model.window)
    cache = model.open_cache(32)
    in_tree: dict[tuple[int, ...], np.ndarray] = {}
    # The first pass ends inside the branches, the second one goes on behind the cache.
    for cut in (10, None) if model.cached else (None,):
        first_new = len(tree)
        grown = [(path[:cut], tree.add(text, path[:cut])) for text, path in paths]
        taken = tree.take_pass(model.pass_width(tree.pending))
        new = [(p[: i + 1], n) for p, nodes in grown for i, n in enumerate(nodes) if n >= first_new]
        rows, columns = tree.place([node for _, node in new], taken)
        numbers = model.in_tree(taken, cache, rows, columns)
        for (prefix, _), of_node in zip(new, numbers, strict=True):
            in_tree[tuple(prefix)] = of_node
    worst, spread = 0.0, 0.0
    for _, path in paths:
        plain = model.in_row(path)
        spread = max(spread, float(plain.std()))
        ours = np.stack([in_tree[tuple(path[: i + 1])] for i in range(len(path))])
        apart = np.abs(ours - plain)
        difference = np.sqrt(np.square(apart).mean()) if typical else apart.max()
        worst = max(worst, float(difference)) if np.isfinite(difference) else float("inf")
    return worst / max(spread, 1e-9)
