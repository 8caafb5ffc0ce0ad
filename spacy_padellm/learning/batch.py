"""Training texts to one packed pass with targets, and the loss over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..lm.batching import plan_batches
from ..lm.language_model import LanguageModel
from ..prompts.template import PromptTemplate
from ..prompts.tree import Ints, PromptTree, TreePass, pack_rows
from .examples import TrainingText

NO_LIMIT: Ints = np.array([-1])


@dataclass(frozen=True)
class TrainingBatch:
    """One forward pass. rows, columns, targets: [n], the node that predicts each target id.

    expanded: every row is one plain sequence, padded on the right, which any causal LM can read.

    candidates: [n, most], the ids that each target is chosen from, padded with -1; a row of -1
    stands for the whole vocabulary. None where that is so for all. choices: all of them, sorted,
    where there is no such row; the only ids whose logits are computed.
    text_rows, text_columns: [m], where the texts' own tokens are, text by text; empty where
    every path has a row of its own.
    weights: [n], of each target in the loss; None where all weigh 1. texts: what it was made of.
    """

    taken: TreePass
    rows: Ints
    columns: Ints
    targets: Ints
    text_rows: Ints
    text_columns: Ints
    expanded: bool = False
    candidates: Ints | None = None
    weights: np.ndarray | None = None
    choices: Ints | None = None
    texts: Sequence[TrainingText] = ()

    @property
    def weight(self) -> float:
        """What the summed loss is to be divided by: targets, by their weights."""
        return float(len(self.targets) if self.weights is None else self.weights.sum())

    @property
    def n_tokens(self) -> int:
        """Columns of all rows, padding included."""
        return int(self.taken.ids.size)


def make_batch(
    texts: Sequence[TrainingText],
    bidirectional: bool = False,
    window: int | None = None,
    row_width: int = 512,
    expanded: bool = False,
    copies: bool = False,
    text_loss: float = 0.0,
) -> TrainingBatch:
    """Packs texts into rows of about `row_width` nodes.

    copies: a mention's tokens are chosen among those of its text and the end, a count among the
    numbers (the template's `copies`).
    text_loss: the weight of each token of the text itself as a target of language modelling,
    where that of a count or a mention is 1; not for bidirectional texts, whose tokens see what
    follows.
    expanded: every path in a row of its own, as fine-tuning without a tree would have it; the
    same loss and gradients from far more tokens (for tests and benchmarks).
    """
    if expanded:
        owners = [i for i, text in enumerate(texts) for _ in text.paths]
        groups = [[path] for text in texts for path in text.paths]
        rows = list(range(len(groups)))
    else:
        owners = list(range(len(texts)))
        groups = [list(text.paths) for text in texts]
        rows = pack_rows([text.size for text in texts], row_width)
    tree = PromptTree(rows, window)
    predictors: list[int] = []
    targets: list[int] = []
    choices: list[Ints] = []
    inside: list[int] = []
    read: tuple[list[int], list[int]] = ([], [])  # predictors and targets of texts
    seen: set[int] = set()
    for group, (owner, paths) in enumerate(zip(owners, groups, strict=True)):
        prompt = texts[owner].prompt
        trunk = list(prompt.trunk)
        both_ways = prompt.bidirectional_length if bidirectional else 0
        known = tree.add(group, trunk, bidirectional=both_ways)
        if text_loss and owner not in seen:
            first = max(prompt.text_start, 1)
            text_end = prompt.text_start + len(prompt.encoded.ids)
            read[0].extend(known[first - 1 : text_end - 1])
            read[1].extend(trunk[first:text_end])
            seen.add(owner)
        if not expanded:
            text_end = prompt.text_start + len(prompt.encoded.ids)
            inside += known[prompt.text_start : text_end]
        for path in paths:
            ids = list(path.ids)
            along = known if ids[: len(trunk)] == trunk else ()
            nodes = tree.add(group, ids[:-1], along)
            predictors += nodes[-path.n_targets :]
            targets += ids[-path.n_targets :]
            if copies:
                others = prompt.encoded.ids if path.is_mention else texts[owner].numbers
                own = ids[-path.n_targets :]
                choices += [np.unique([*others, *own]) if others else NO_LIMIT] * path.n_targets
    weights = None
    if text_loss:
        weights = np.repeat([1.0, text_loss], [len(targets), len(read[0])])
        choices += [NO_LIMIT] * len(read[0]) if copies else []
        predictors, targets = predictors + read[0], targets + read[1]
    taken = tree.take_pass()
    at_rows, at_columns = tree.place(predictors, taken)
    text_rows, text_columns = tree.place(inside, taken)
    candidates, every = None, None
    if copies:
        most = max(map(len, choices), default=1)
        candidates = np.full((len(choices), most), -1, dtype=np.int64)
        for row, among in zip(candidates, choices, strict=True):
            row[: len(among)] = among
        if not (candidates[:, 0] < 0).any():
            every = np.unique(candidates[candidates >= 0])
    return TrainingBatch(
        taken,
        at_rows,
        at_columns,
        np.asarray(targets, dtype=np.int64),
        text_rows,
        text_columns,
        expanded,
        candidates,
        weights,
        every,
        texts,
    )


def make_batch_for(
    lm: LanguageModel,
    template: PromptTemplate,
    texts: Sequence[TrainingText],
    row_width: int = 512,
    text_loss: float = 0.0,
) -> TrainingBatch:
    """The batch that a model can learn from: packed trees, or plain rows where it takes no tree.

    Raises ValueError for a bidirectional template on a model that takes no tree mask, or with
    `text_loss`.
    """
    if template.bidirectional and text_loss:
        raise ValueError(
            f"text_loss is {text_loss}, but template {template.name!r} is bidirectional, and a "
            f"token that is seen cannot be predicted: set text_loss to 0, or bidirectional to false"
        )
    if template.bidirectional and not lm.tree:
        raise ValueError(
            f"template {template.name!r} is bidirectional, which {lm.name} cannot do: set "
            f"bidirectional = false"
        )
    return make_batch(
        texts,
        template.bidirectional,
        lm.window,
        row_width,
        expanded=not lm.tree,
        copies=template.copies,
        text_loss=text_loss,
    )


def plan_passes(
    lm: LanguageModel, texts: Sequence[TrainingText], token_budget: int
) -> list[list[TrainingText]]:
    """The texts of each batch for `make_batch_for`. token_budget: about the most tokens of one, of
    which a CPU takes no more than it is the faster for."""
    sizes = [text.size if lm.tree else text.expanded_size for text in texts]
    plans = plan_batches(sizes, min(token_budget, lm.training_tokens))
    return [[texts[i] for i in plan] for plan in plans]


def batch_loss(lm: LanguageModel, batch: TrainingBatch) -> torch.Tensor:
    """Sum of the cross-entropies (nats) over all targets, by their weights; divide it by
    `batch.weight`, or by that of all batches of a step.

    Raises ValueError for a packed batch on a model that takes no tree mask.
    """
    # Where a model runs in several processes, it may hold but a part of its head.
    choices = batch.choices if lm.wrapped is None else None
    if lm.tree:
        logits = lm.tree_pass(batch.taken, None, batch.rows, batch.columns, choices)
    elif batch.expanded:
        logits = lm.row_pass(batch.taken.ids, batch.rows, batch.columns, choices)
    else:
        raise ValueError(f"{lm.name} takes no tree mask: make its batches with `make_batch_for`")
    losses = _cross_entropies(logits, batch, choices)
    if batch.weights is not None:
        losses = losses * torch.from_numpy(batch.weights).to(losses)
    return losses.sum()


def _cross_entropies(
    logits: torch.Tensor, batch: TrainingBatch, choices: Ints | None
) -> torch.Tensor:
    """[n], of each target among its candidates. choices: ids of the logits; None for all."""
    if batch.candidates is None:
        targets = torch.from_numpy(batch.targets).to(logits.device)
        return F.cross_entropy(logits, targets, reduction="none")
    known, wanted = batch.candidates, batch.targets
    if choices is not None:
        found = np.searchsorted(choices, known)
        known, wanted = np.where(known < 0, -1, found), np.searchsorted(choices, wanted)
    targets = torch.from_numpy(wanted).to(logits.device)
    candidates = torch.from_numpy(known).to(logits.device)
    limited = candidates[:, 0] >= 0
    free = F.cross_entropy(logits[~limited], targets[~limited], reduction="none")
    candidates, targets_of = candidates[limited], targets[limited]
    scores = logits[limited].gather(1, candidates.clamp(min=0))
    scores = scores.masked_fill(candidates < 0, float("-inf"))
    at = (candidates == targets_of[:, None]).long().argmax(dim=1)
    chosen = F.cross_entropy(scores, at, reduction="none")
    return (
        logits.new_zeros(len(targets))
        .masked_scatter(~limited, free)
        .masked_scatter(limited, chosen)
    )
