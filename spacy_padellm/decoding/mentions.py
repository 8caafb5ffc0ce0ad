"""Step 2: all mentions of all labels of all texts, side by side, greedy."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..encoding import PromptEncoder, TextPrompt
from ..numeric import probability_of
from ..quiet import warn_of_few
from ..types import Mention
from .choices import Choices, log_normaliser
from .copying import CopyBranch, TextSlices
from .counts import LabelState
from .distinct import choose_starts
from .session import Branch, Session
from .speculation import Speculation

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Pending:
    """A mention being written.

    logits: behind its last token, where they are known already. draft: ids at the end of the
    branch that may turn out to be its next tokens.
    """

    label: str
    index: int
    branch: Branch
    copy: CopyBranch | None
    logits: torch.Tensor | None = None
    draft: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)


def decode_mentions(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    states: Sequence[Sequence[LabelState]],
    slices: Sequence[TextSlices] | None,
    max_tokens: int,
    speculation: Speculation,
    distinct: bool = False,
) -> list[list[Mention]]:
    """The mentions of each text, by label, then by index.

    slices: where mentions are copied from; None for free generation, whose mentions have no
    character offsets. A mention of max_tokens tokens is ended there, with a warning. distinct:
    no two copied mentions of a label begin at the same place (`distinct`).

    Copied mentions are drafted: the pass that reads a token reads what follows it in the text,
    too, and of that as much stays as greedy decoding chooses anyway.
    """
    pending = _start(encoder, prompts, states, slices)
    opened = [mention for mention in pending if mention.logits is not None]
    going = [mention for mention in pending if mention.logits is None]
    if opened:
        logits = torch.stack([m.logits for m in opened if m.logits is not None])
        going += _read(logits, opened, encoder, prompts, max_tokens, session.choices, distinct)
    while going:
        began = time.perf_counter()
        tokens = session.tokens
        _draft(going, speculation, max_tokens)
        branches = [mention.branch for mention in going]
        new = sum(branch.missing() for branch in branches)
        logits = session.extend(branches, [len(mention.draft) + 1 for mention in going])
        going = _read(logits, going, encoder, prompts, max_tokens, session.choices, distinct)
        speculation.cost.add(session.tokens - tokens, time.perf_counter() - began, new)
    for mention in pending:
        speculation.saw_mention(len(mention.log_probs))
    return _finish(encoder, pending, len(prompts))


def _start(
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    states: Sequence[Sequence[LabelState]],
    slices: Sequence[TextSlices] | None,
) -> list[_Pending]:
    pending = []
    for text, (prompt, of_text) in enumerate(zip(prompts, states, strict=True)):
        if slices is not None and not slices[text]:
            continue  # nothing to copy from: an empty text, or white space
        for state in of_text:
            label, n = state.label, state.count.value
            opened = state.opened.get(n)
            for index in range(1, n + 1):
                copy = CopyBranch(slices[text]) if slices is not None else None
                if opened:
                    branch, logits = opened[index - 1]
                    pending.append(_Pending(label, index, branch, copy, logits))
                else:
                    ids = encoder.mention_path(prompt, label, n, index)
                    branch = Branch(text, ids, origin=state.branch)
                    pending.append(_Pending(label, index, branch, copy))
    return pending


def _draft(going: Sequence[_Pending], speculation: Speculation, max_tokens: int) -> None:
    """Puts drafts behind the branches of mentions that have begun."""
    begun = [m for m in going if m.copy is not None and m.ids]
    length = speculation.draft_length([len(mention.ids) for mention in begun])
    for mention in begun:
        assert mention.copy is not None
        room = max_tokens - len(mention.ids) - 1
        mention.draft = mention.copy.continuation(min(length, room))
        mention.branch.ids += mention.draft


def _read(
    logits: torch.Tensor,
    active: Sequence[_Pending],
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    max_tokens: int,
    choices: Choices,
    distinct: bool,
) -> list[_Pending]:
    """Takes in the tokens that the logits choose; returns the mentions that go on.

    logits: behind the last token of each mention and behind each token of its draft.
    """
    copies: list[CopyBranch | None] = []
    groups: dict[tuple[int, str], list[int]] = {}  # first tokens of the mentions of a label
    for mention in active:
        copy = mention.copy
        if distinct and copy is not None and not mention.ids:
            groups.setdefault((mention.branch.text, mention.label), []).append(len(copies))
        copies.append(copy)
        for token in mention.draft:
            assert copy is not None
            copy = copy.advanced(token)
            copies.append(copy)
    tokens, log_probs = _choose(logits, copies, encoder, choices, list(groups.values()))
    going, at = [], 0
    for mention in active:
        draft, mention.draft = mention.draft, []
        kept = len(mention.branch.ids) - len(draft)
        ended = False
        for i in range(len(draft) + 1):
            token = tokens[at + i]
            mention.log_probs.append(log_probs[at + i])
            ended = token in encoder.mention_end_ids
            if ended:
                break
            mention.ids.append(token)
            if mention.copy is not None:
                mention.copy = mention.copy.advanced(token)
            if i == len(draft) or token != draft[i]:
                break
            kept += 1
        at += len(draft) + 1
        if ended:
            continue
        mention.branch.cut(kept)
        mention.branch.ids.append(mention.ids[-1])
        if len(mention.ids) < max_tokens:
            going.append(mention)
            continue
        warn_of_few(
            logger,
            "a %s in %r is longer than %d tokens and was cut (setting max_mention_tokens)",
            mention.label,
            prompts[mention.branch.text].encoded.text[:80],
            max_tokens,
        )
    return going


def _choose(
    logits: torch.Tensor,
    copies: Sequence[CopyBranch | None],
    encoder: PromptEncoder,
    choices: Choices,
    groups: Sequence[Sequence[int]] = (),
) -> tuple[list[int], list[float]]:
    """The likeliest allowed token behind each state of copying, and its log-probability: in the
    vocabulary, or among all tokens of the text and the end for a template that `copies`, as it
    was trained. groups: states whose tokens begin mentions at different places.

    Candidates are gathered in one go: a [branches, vocabulary] mask would cost far more.
    """
    if copies[0] is None:
        best, at_best = logits.max(dim=-1)
        return at_best.tolist(), (best - log_normaliser(logits)).tolist()
    allowed = [copy.allowed(encoder.mention_end_ids) for copy in copies if copy is not None]
    sizes = np.array([len(ids) for ids in allowed])
    rows = torch.from_numpy(np.repeat(np.arange(len(copies)), sizes)).to(logits.device)
    columns = torch.from_numpy(choices.columns(np.concatenate(allowed))).to(logits.device)
    values = logits[rows, columns].cpu().numpy()
    first = np.cumsum(sizes) - sizes
    if encoder.template.copies:
        normaliser = _among_text(logits, copies, encoder.mention_end_ids[0], choices)
    else:
        normaliser = log_normaliser(logits).cpu().numpy()
    log_probs = np.split(values - np.repeat(normaliser, sizes), first[1:])
    chosen = [int(of_one.argmax()) for of_one in log_probs]
    for group in groups:
        first_copy = copies[group[0]]
        if first_copy is not None and len(group) > len({allowed[i][chosen[i]] for i in group}):
            options = [(allowed[i], log_probs[i]) for i in group]
            starts = choose_starts(options, first_copy.slices.places)
            for i, start in zip(group, starts, strict=True):
                chosen[i] = start
    tokens = [int(ids[at]) for ids, at in zip(allowed, chosen, strict=True)]
    return tokens, [float(of_one[at]) for of_one, at in zip(log_probs, chosen, strict=True)]


def _among_text(
    logits: torch.Tensor, copies: Sequence[CopyBranch | None], end_id: int, choices: Choices
) -> np.ndarray:
    """Log of the summed exponentials over each text's own tokens and the end, [branches]."""
    among = [np.append(copy.slices.distinct_ids, end_id) for copy in copies if copy is not None]
    sizes = np.array([len(ids) for ids in among])
    rows = torch.from_numpy(np.repeat(np.arange(len(copies)), sizes)).to(logits.device)
    columns = torch.from_numpy(choices.columns(np.concatenate(among))).to(logits.device)
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
                probability=probability_of(sum(mention.log_probs)),
                token_probabilities=tuple(probability_of(p) for p in mention.log_probs),
            )
        )
    return found
