"""Step 2: all mentions of all labels of all texts, side by side, greedy."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..lm.session import Answer, Branch, Question, Session
from ..logs import warn_of_few
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.numeric import probability_of
from ..spans.prediction import Mention
from .copying import CopyBranch
from .counts import LabelState
from .distinct import choose_starts
from .questions import Questions
from .settings import DecodingSettings
from .speculation import Speculation

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _WrittenMention:
    """A mention being written.

    first_answer: what may come first, where it was run ahead. draft: ids at the end of the branch
    that may turn out to be its next tokens.
    """

    label: str
    index: int
    branch: Branch
    copy: CopyBranch | None
    first_answer: Answer | None = None
    draft: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)

    def copies(self) -> list[CopyBranch | None]:
        """The state of copying behind what is written, and behind each token of the draft."""
        states = [self.copy]
        for token in self.draft:
            last = states[-1]
            states.append(last.advanced(token) if last is not None else None)
        return states


def decode_mentions(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    states: Sequence[Sequence[LabelState]],
    questions: Questions,
    settings: DecodingSettings,
    speculation: Speculation,
) -> list[list[Mention]]:
    """The mentions of each text, by label, then by index.

    Mentions that are generated freely have no character offsets. A mention of max_mention_tokens
    is ended there, with a warning.

    Copied mentions are drafted: the pass that reads a token reads what follows it in the text,
    too, and of that as much stays as greedy decoding chooses anyway.
    """
    written = _start(encoder, prompts, states, questions)
    going = [mention for mention in written if mention.first_answer is None]
    begun = [(m, m.first_answer) for m in written if m.first_answer is not None]
    if begun:
        mentions, first = zip(*begun, strict=True)
        going += _read(first, mentions, encoder, prompts, settings)
    while going:
        began = time.perf_counter()
        tokens = session.tokens
        _draft(going, speculation, settings.max_mention_tokens)
        branches = [mention.branch for mention in going]
        new = sum(branch.missing() for branch in branches)
        answers = session.extend(branches, [_questions(mention, questions) for mention in going])
        going = _read(answers, going, encoder, prompts, settings)
        speculation.cost.add(session.tokens - tokens, time.perf_counter() - began, new)
    for mention in written:
        speculation.saw_mention(len(mention.log_probs))
    return _finish(encoder, written, len(prompts))


def _start(
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    states: Sequence[Sequence[LabelState]],
    questions: Questions,
) -> list[_WrittenMention]:
    written = []
    for text, (prompt, of_text) in enumerate(zip(prompts, states, strict=True)):
        if not questions.has_mentions(text):
            continue
        for state in of_text:
            label, n = state.label, state.count.value
            run_ahead = state.run_ahead.get(n)
            for index in range(1, n + 1):
                answer = None
                if run_ahead:
                    branch, answer = run_ahead[index - 1]
                else:
                    ids = encoder.mention_path(prompt, label, n, index)
                    branch = Branch(text, ids, origin=state.branch)
                copy = questions.copy(text)
                written.append(_WrittenMention(label, index, branch, copy, answer))
    return written


def _questions(mention: _WrittenMention, questions: Questions) -> list[Question]:
    return [questions.of_mention(mention.branch.text, copy) for copy in mention.copies()]


def _draft(going: Sequence[_WrittenMention], speculation: Speculation, max_tokens: int) -> None:
    """Puts drafts behind the branches of mentions that have begun."""
    begun = [m for m in going if m.copy is not None and m.ids]
    length = speculation.draft_length([len(mention.ids) for mention in begun])
    for mention in begun:
        assert mention.copy is not None
        room = max_tokens - len(mention.ids) - 1
        mention.draft = mention.copy.continuation(min(length, room))
        mention.branch.ids += mention.draft


def _read(
    answers: Sequence[Answer],
    active: Sequence[_WrittenMention],
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    settings: DecodingSettings,
) -> list[_WrittenMention]:
    """Takes in the likeliest tokens; returns the mentions that go on.

    answers: behind the last token of each mention and behind each token of its draft.
    """
    chosen = [answer.best() for answer in answers]
    if settings.distinct:
        _keep_distinct(chosen, answers, active)
    going, at = [], 0
    for mention in active:
        draft, mention.draft = mention.draft, []
        kept = len(mention.branch.ids) - len(draft)
        ended = False
        for i in range(len(draft) + 1):
            best = chosen[at + i]
            token = int(answers[at + i].ids[best])
            mention.log_probs.append(float(answers[at + i].log_probs[best]))
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
        if len(mention.ids) < settings.max_mention_tokens:
            going.append(mention)
            continue
        warn_of_cut(mention.label, prompts[mention.branch.text], settings)
    return going


def warn_of_cut(label: str, prompt: TextPrompt, settings: DecodingSettings) -> None:
    """Of a mention that is longer than the settings allow."""
    warn_of_few(
        logger,
        "a %s in %r is longer than %d tokens and was cut (setting max_mention_tokens)",
        label,
        prompt.encoded.text[:80],
        settings.max_mention_tokens,
    )


def _keep_distinct(
    chosen: list[int], answers: Sequence[Answer], active: Sequence[_WrittenMention]
) -> None:
    """Mentions of a label that would begin with the same token choose anew, at other places."""
    groups: dict[tuple[int, str], list[tuple[int, CopyBranch]]] = {}
    at = 0
    for mention in active:
        if mention.copy is not None and not mention.ids:
            key = (mention.branch.text, mention.label)
            groups.setdefault(key, []).append((at, mention.copy))
        at += len(mention.draft) + 1
    for group in groups.values():
        members = [i for i, _ in group]
        if len(members) == len({answers[i].ids[chosen[i]] for i in members}):
            continue
        options = [(answers[i].ids, answers[i].log_probs) for i in members]
        starts = choose_starts(options, group[0][1].slices.places)
        for i, start in zip(members, starts, strict=True):
            chosen[i] = start


def _finish(
    encoder: PromptEncoder, written: Sequence[_WrittenMention], n_texts: int
) -> list[list[Mention]]:
    """Equal mentions of a label take successive places in the text."""
    found: list[list[Mention]] = [[] for _ in range(n_texts)]
    seen: dict[tuple[int, str, tuple[int, int]], int] = {}
    for mention in written:
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
