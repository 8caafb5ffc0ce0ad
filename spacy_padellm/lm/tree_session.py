"""The default session: all branches of all texts of a batch in one packed tree."""

from collections.abc import Sequence

import numpy as np

from ..prompts.encoding import TextPrompt
from ..prompts.tree import PromptTree, pack_rows
from .choices import Choices
from .preambles import open_preamble
from .runtime import Passes
from .session import Answer, Branch, Question


class TreeSession:
    """Encodes each text once; labels and mentions are branches of it, and all texts of the preamble
    that they begin with, which is encoded once for many sessions. row_width: about how many nodes
    share a row; short texts are packed together, and the more the longer the preamble is, of which
    each row has a copy."""

    def __init__(
        self,
        lm: Passes,
        prompts: Sequence[TextPrompt],
        bidirectional: bool = False,
        choices: Choices | None = None,
        row_width: int = 256,
    ) -> None:
        self.lm = lm
        self.choices = choices or Choices()
        self.prompts = prompts
        self.bidirectional = bidirectional
        preamble, kept, self.tokens = open_preamble(lm, prompts)
        self.passes = int(self.tokens > 0)
        sizes = [len(p.trunk) - len(preamble) + sum(map(len, p.branches)) for p in prompts]
        self.tree = PromptTree(pack_rows(sizes, max(row_width, len(preamble))), lm.window, preamble)
        first = len(preamble) + int(1.5 * np.bincount(self.tree.rows, sizes).max())
        with lm.decoding():
            self.cache = lm.open_cache(self.tree.n_rows, first, kept)
        self.kept = self.tree.n_rows * len(preamble)

    def extend(
        self, branches: Sequence[Branch], questions: Sequence[Sequence[Question]]
    ) -> list[Answer]:
        for branch, asked in zip(branches, questions, strict=True):
            self._grow(branch, len(asked))
        taken = self.tree.take_pass(self.lm.pass_width(self.tree.pending))
        lasts = zip(branches, questions, strict=True)
        nodes = [node for branch, asked in lasts for node in branch.nodes[-len(asked) :]]
        rows, columns = self.tree.place(nodes, taken)
        self.passes += 1
        run = self.lm.pass_rows(self.cache, taken) * taken.ids.shape[1]
        self.tokens += run
        self.kept += run  # no node is forgotten before the end
        with self.lm.decoding():
            logits = self.lm.tree_pass(taken, self.cache, rows, columns, self.choices.ids)
            asked_all = [question for asked in questions for question in asked]
            return self.lm.read_logits(logits, asked_all, self.choices)

    def close(self) -> None:
        self.lm.close_cache(self.cache)
        self.cache = None

    def _grow(self, branch: Branch, asked: int = 0) -> None:
        if not branch.nodes and branch.origin is not None:
            if not branch.origin.nodes:
                self._grow(branch.origin)
            branch.nodes = branch.origin.nodes[: branch.shared_with_origin()]
        text = branch.text
        both_ways = self.prompts[text].bidirectional_length if self.bidirectional else 0
        first = not branch.nodes
        branch.nodes = self.tree.add(
            text, branch.ids, branch.nodes, both_ways if first else 0, fresh=asked
        )
