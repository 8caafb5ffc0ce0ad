"""Step 1: for every label of every text, how many mentions there are. All at once, greedy."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..encoding import PromptEncoder, TextPrompt
from ..numeric import probability_of
from ..quiet import warn_of_few
from ..tree import Ints
from ..types import Count
from .choices import log_normaliser
from .session import Branch, Session
from .speculation import Speculation

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class LabelState:
    """What is known of a label of a text.

    branch: ends before the mentions. opened: by count, the branches of its mentions that were run
    before the count was known, each with the logits behind its marker.
    """

    label: str
    branch: Branch
    count: Count
    opened: dict[int, list[tuple[Branch, torch.Tensor]]] = field(default_factory=dict)


@dataclass(eq=False)
class _Pending:
    """A count being written."""

    label: str
    branch: Branch
    prompt: TextPrompt
    ids: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    opened: dict[int, list[tuple[Branch, torch.Tensor]]] = field(default_factory=dict)


def decode_counts(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    max_count: int,
    speculation: Speculation,
) -> list[list[LabelState]]:
    """Counts with what is needed to go on, [texts][labels].

    A count is made of digit tokens and ended by what the template ends it with; its
    probability is the product over both, in the vocabulary, or among numbers and their end where
    the model was trained to choose among them. More than max_count is capped, with a warning that
    names text and label. Mentions of likely counts are run along (`Speculation.guess`).
    """
    pending: list[list[_Pending]] = []
    for text, prompt in enumerate(prompts):
        trunk = Branch(text, list(prompt.trunk))
        pending.append(
            [
                _Pending(label, Branch(text, [*prompt.trunk, *ids], trunk), prompt)
                for label, ids in zip(prompt.labels, prompt.branches, strict=True)
            ]
        )
    flat = [of_label for of_text in pending for of_label in of_text]
    digits = session.choices.columns(sorted(encoder.digit_ids))
    ends = encoder.count_end_ids
    digits_or_end = np.concatenate([digits, session.choices.columns(ends)])
    ids_of = np.array([*sorted(encoder.digit_ids), *ends])
    among = digits_or_end if session.choices.limited else None
    most_tokens = len(str(max_count)) + 2  # digits, a blank, one digit too many
    guesses = speculation.guess([prompt.labels for prompt in prompts])
    guesses = tuple(n for n in guesses if n <= max_count) if encoder.count_is_one_token else ()
    active, allowed = flat, digits
    while active:
        ahead = [
            (one, n)
            for one in active
            for n in _guesses(one, guesses, encoder, max_count)
            if speculation.guesses != ()
        ]
        logits = _extend(session, encoder, active, ahead)
        chosen, log_probs = _choose(logits, allowed, among)
        going = []
        for one, token, log_prob in zip(active, ids_of[chosen].tolist(), log_probs, strict=True):
            one.log_probability += log_prob
            if token in ends:
                continue
            one.ids.append(token)
            if not encoder.count_is_one_token and len(one.ids) < most_tokens:
                one.branch.ids.append(token)
                going.append(one)
        active, allowed, guesses = going, digits_or_end, ()
    return [[_finish(one, encoder, max_count, speculation) for one in row] for row in pending]


def _guesses(
    one: _Pending, guesses: Sequence[int], encoder: PromptEncoder, max_count: int
) -> Sequence[int]:
    """The counts that may turn out to be it: guessed ones, or digits that may be all."""
    if not one.ids:
        return guesses
    value = encoder.read_count(one.ids)
    return (value,) if 0 < value <= max_count and value not in one.opened else ()


def _extend(
    session: Session,
    encoder: PromptEncoder,
    active: Sequence[_Pending],
    ahead: Sequence[tuple[_Pending, int]],
) -> torch.Tensor:
    """Logits behind the active counts; those of mentions run ahead are kept in `opened`."""
    opened = [
        (one, n, Branch(one.branch.text, ids, one.branch))
        for one, n in ahead
        for ids in (encoder.mention_path(one.prompt, one.label, n, i) for i in range(1, n + 1))
    ]
    branches = [one.branch for one in active]
    logits = session.extend(branches + [branch for _, _, branch in opened])
    for (one, n, branch), row in zip(opened, logits[len(active) :], strict=True):
        one.opened.setdefault(n, []).append((branch, row))
    return logits[: len(active)]


def _choose(
    logits: torch.Tensor, allowed: Ints, among: Ints | None
) -> tuple[list[int], list[float]]:
    """Which of the allowed columns is the likeliest in each row, and its log-probability.

    among: the columns that probability is spread over; None for all.
    """
    best, at = logits[:, torch.from_numpy(allowed).to(logits.device)].max(dim=-1)
    if among is not None:
        logits = logits[:, torch.from_numpy(among).to(logits.device)]
    return at.tolist(), (best - log_normaliser(logits)).tolist()


def _finish(
    one: _Pending, encoder: PromptEncoder, max_count: int, speculation: Speculation
) -> LabelState:
    value, probability = encoder.read_count(one.ids), probability_of(one.log_probability)
    speculation.saw_count(one.label, value)
    # No text has more mentions of a label than tokens.
    max_count = min(max_count, max(len(one.prompt.encoded.ids), 1))
    if value > max_count:
        warn_of_few(
            logger,
            "%d mentions of %s are counted in %r; the first %d are decoded (setting max_count)",
            value,
            one.label,
            one.prompt.encoded.text[:80],
            max_count,
        )
        count = Count(one.label, max_count, probability, capped=True)
    else:
        count = Count(one.label, value, probability)
    return LabelState(one.label, one.branch, count, one.opened)
