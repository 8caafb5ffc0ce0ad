"""Step 2: all mentions of all labels of all texts, side by side, greedy."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..encoding import PromptEncoder, TextPrompt
from ..types import Count, Mention
from .copying import CopyBranch, TextSlices
from .session import Branch, Session

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Pending:
    """A mention being written."""

    label: str
    index: int
    branch: Branch
    copy: CopyBranch | None
    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)


def decode_mentions(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    counts: Sequence[Sequence[Count]],
    label_branches: Sequence[Sequence[Branch]],
    slices: Sequence[TextSlices] | None,
    max_tokens: int,
) -> list[list[Mention]]:
    """The mentions of each text, by label, then by index.

    slices: where mentions are copied from; None for free generation, whose mentions have no
    character offsets. A mention of max_tokens tokens is ended there, with a warning.
    """
    pending = _start(encoder, prompts, counts, label_branches, slices)
    active = pending
    while active:
        logits = session.extend([mention.branch for mention in active])
        tokens, log_probs = _choose(logits, active, encoder)
        going = []
        for mention, token, log_prob in zip(active, tokens, log_probs, strict=True):
            mention.log_probs.append(log_prob)
            if token in encoder.mention_end_ids:
                continue
            mention.ids.append(token)
            mention.branch.ids.append(token)
            if mention.copy is not None:
                mention.copy.advance(token)
            if len(mention.ids) < max_tokens:
                going.append(mention)
            else:
                text = prompts[mention.branch.text].encoded.text
                logger.warning(
                    "a %s in %r is longer than %d tokens and was cut (setting max_mention_tokens)",
                    mention.label,
                    text[:80],
                    max_tokens,
                )
        active = going
    return _finish(encoder, pending, len(prompts))


def _start(
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    counts: Sequence[Sequence[Count]],
    label_branches: Sequence[Sequence[Branch]],
    slices: Sequence[TextSlices] | None,
) -> list[_Pending]:
    pending = []
    for text, prompt in enumerate(prompts):
        if slices is not None and not slices[text]:
            continue  # nothing to copy from: an empty text, or white space
        for count, label_branch in zip(counts[text], label_branches[text], strict=True):
            for index in range(1, count.value + 1):
                ids = encoder.mention_path(prompt, count.label, count.value, index)
                branch = Branch(text, ids, origin=label_branch)
                copy = CopyBranch(slices[text]) if slices is not None else None
                pending.append(_Pending(count.label, index, branch, copy))
    return pending


def _choose(
    logits: torch.Tensor, active: Sequence[_Pending], encoder: PromptEncoder
) -> tuple[list[int], list[float]]:
    """The likeliest allowed token of each branch, and its log-probability: in the vocabulary, or
    among all tokens of the text and the end for a template that `copies`, as it was trained.

    Candidates are gathered in one go: a [branches, vocabulary] mask would cost far more.
    """
    if active[0].copy is None:
        best, at_best = logits.max(dim=-1)
        return at_best.tolist(), (best - torch.logsumexp(logits, dim=-1)).tolist()
    allowed = [m.copy.allowed(encoder.mention_end_ids) for m in active if m.copy is not None]
    sizes = np.array([len(ids) for ids in allowed])
    rows = torch.from_numpy(np.repeat(np.arange(len(active)), sizes)).to(logits.device)
    columns = torch.from_numpy(np.concatenate(allowed)).to(logits.device)
    values = logits[rows, columns].cpu().numpy()
    first = np.cumsum(sizes) - sizes
    if encoder.template.copies:
        normaliser = _among_text(logits, active, encoder.mention_end_ids[0])
    else:
        normaliser = torch.logsumexp(logits, dim=-1).cpu().numpy()
    tokens: list[int] = []
    best_values: list[float] = []
    for ids, start, size in zip(allowed, first, sizes, strict=True):
        at = int(values[start : start + size].argmax())
        tokens.append(int(ids[at]))
        best_values.append(float(values[start + at]))
    return tokens, (np.array(best_values) - normaliser).tolist()


def _among_text(logits: torch.Tensor, active: Sequence[_Pending], end_id: int) -> np.ndarray:
    """Log of the summed exponentials over each text's own tokens and the end, [branches]."""
    among = [np.append(m.copy.slices.distinct_ids, end_id) for m in active if m.copy is not None]
    sizes = np.array([len(ids) for ids in among])
    rows = torch.from_numpy(np.repeat(np.arange(len(active)), sizes)).to(logits.device)
    columns = torch.from_numpy(np.concatenate(among)).to(logits.device)
    values = logits[rows, columns].cpu().numpy()
    return np.logaddexp.reduceat(values, np.cumsum(sizes) - sizes)


def _finish(
    encoder: PromptEncoder, pending: Sequence[_Pending], n_texts: int
) -> list[list[Mention]]:
    """Equal mentions of a label take successive places in the text."""
    found: list[list[Mention]] = [[] for _ in range(n_texts)]
    seen: dict[tuple[int, str, tuple[int, int]], int] = {}
    for mention in pending:
        text = mention.branch.text
        if mention.copy is None:
            string, start, end = encoder.read_mention(mention.ids), None, None
        else:
            spans = mention.copy.spans()
            key = (text, mention.label, spans[0])
            start, end = spans[min(seen.get(key, 0), len(spans) - 1)]
            seen[key] = seen.get(key, 0) + 1
            string = mention.copy.slices.encoded.text[start:end]
        found[text].append(
            Mention(
                label=mention.label,
                index=mention.index,
                text=string,
                start=start,
                end=end,
                probability=math.exp(sum(mention.log_probs)),
                token_probabilities=tuple(math.exp(p) for p in mention.log_probs),
            )
        )
    return found
