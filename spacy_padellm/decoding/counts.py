"""Step 1: for every label of every text, how many mentions there are. All at once, greedy."""

import logging
from collections.abc import Sequence

import torch

from ..encoding import PromptEncoder, TextPrompt
from ..types import Count
from .session import Branch, Session

logger = logging.getLogger(__name__)


def decode_counts(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    max_count: int,
) -> tuple[list[list[Count]], list[list[Branch]]]:
    """Counts and label branches, [texts][labels].

    A count is made of digit tokens and ended by what the template ends it with; its
    probability is the product over both. More than max_count is capped, with a warning that
    names text and label.
    """
    branches: list[list[Branch]] = []
    for text, prompt in enumerate(prompts):
        trunk = Branch(text, list(prompt.trunk))
        branches.append([Branch(text, [*prompt.trunk, *ids], trunk) for ids in prompt.branches])
    flat = [branch for of_text in branches for branch in of_text]
    written: dict[Branch, list[int]] = {branch: [] for branch in flat}
    log_probability = dict.fromkeys(flat, 0.0)
    digits = torch.tensor(sorted(encoder.digit_ids))
    ends = encoder.count_end_ids
    digits_or_end = torch.cat([digits, torch.tensor(ends, dtype=torch.long)])
    most_tokens = len(str(max_count)) + 2  # digits, a blank, one digit too many
    active, allowed = flat, digits
    while active:
        tokens, log_probs = choose(session.extend(active), allowed)
        going = []
        for branch, token, log_prob in zip(active, tokens, log_probs, strict=True):
            log_probability[branch] += log_prob
            if token in ends:
                continue
            written[branch].append(token)
            if not encoder.count_is_one_token and len(written[branch]) < most_tokens:
                branch.ids.append(token)
                going.append(branch)
        active, allowed = going, digits_or_end
    counts = [
        [
            _count(label, encoder.read_count(written[b]), log_probability[b], prompt, max_count)
            for label, b in zip(prompt.labels, of_text, strict=True)
        ]
        for prompt, of_text in zip(prompts, branches, strict=True)
    ]
    return counts, branches


def choose(logits: torch.Tensor, allowed: torch.Tensor) -> tuple[list[int], list[float]]:
    """The likeliest of the allowed ids in each row and its log-probability in the vocabulary."""
    allowed = allowed.to(logits.device)
    best, at = logits[:, allowed].max(dim=-1)
    log_probs = best - torch.logsumexp(logits, dim=-1)
    return allowed[at].tolist(), log_probs.tolist()


def _count(
    label: str, value: int, log_probability: float, prompt: TextPrompt, max_count: int
) -> Count:
    probability = float(torch.tensor(log_probability).exp())
    if value <= max_count:
        return Count(label, value, probability)
    logger.warning(
        "the model counts %d mentions of %s in %r; the first %d are decoded (setting max_count)",
        value,
        label,
        prompt.encoded.text[:80],
        max_count,
    )
    return Count(label, max_count, probability, capped=True)
