"""Step 1: for every label of every text, how many mentions there are. All at once, greedy."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..lm.session import Answer, Branch, Question, Session
from ..logs import warn_of_few
from ..prompts.encoding import PromptEncoder, TextPrompt
from ..spans.numeric import probability_of
from ..spans.prediction import Count
from .questions import Questions
from .speculation import Speculation

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class LabelState:
    """What is known of a label of a text.

    branch: ends before the mentions. run_ahead: by count, the branches of its mentions that were
    run before the count was known, each with what may come behind its marker.
    """

    label: str
    branch: Branch
    count: Count
    run_ahead: dict[int, list[tuple[Branch, Answer]]] = field(default_factory=dict)


@dataclass(eq=False)
class _WrittenCount:
    """A count being written."""

    label: str
    branch: Branch
    prompt: TextPrompt
    ids: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    run_ahead: dict[int, list[tuple[Branch, Answer]]] = field(default_factory=dict)


def decode_counts(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    questions: Questions,
    speculation: Speculation,
) -> list[list[LabelState]]:
    """Counts with what is needed to go on, [texts][labels].

    A count is made of digit tokens and ended by what the template ends it with; its
    probability is the product over both, in the vocabulary, or among numbers and their end where
    the model was trained to choose among them. More than the encoder's max_count is capped, with a
    warning that names text and label. Mentions of likely counts are run along
    (`Speculation.guess`).
    """
    written: list[list[_WrittenCount]] = []
    for text, prompt in enumerate(prompts):
        trunk = Branch(text, list(prompt.trunk))
        written.append(
            [
                _WrittenCount(label, Branch(text, [*prompt.trunk, *ids], trunk), prompt)
                for label, ids in zip(prompt.labels, prompt.branches, strict=True)
            ]
        )
    most_tokens = most_count_tokens(encoder)
    guesses = speculation.guess([prompt.labels for prompt in prompts])
    if most_tokens > 1:
        guesses = ()
    active = [count for of_text in written for count in of_text]
    question = questions.first_of_count
    while active:
        guessed = [
            (one, n)
            for one in active
            for n in _likely_values(one, guesses, encoder)
            if speculation.guesses != () and questions.has_mentions(one.branch.text)
        ]
        answers = _ask(session, encoder, active, question, guessed, questions)
        going = []
        for one, answer in zip(active, answers, strict=True):
            best = answer.best()
            token = int(answer.ids[best])
            one.log_probability += float(answer.log_probs[best])
            if token in encoder.count_end_ids:
                continue
            one.ids.append(token)
            if len(one.ids) < most_tokens:
                one.branch.ids.append(token)
                going.append(one)
        active, question, guesses = going, questions.next_of_count, ()
    return [[_finish(one, encoder, speculation) for one in of_text] for of_text in written]


def _likely_values(
    one: _WrittenCount, guesses: Sequence[int], encoder: PromptEncoder
) -> Sequence[int]:
    """What the count may turn out to be: guessed ones, or the digits so far if they are all."""
    values = [encoder.read_count(one.ids)] if one.ids else guesses
    return [n for n in values if 0 < n <= encoder.max_count and n not in one.run_ahead]


def _ask(
    session: Session,
    encoder: PromptEncoder,
    active: Sequence[_WrittenCount],
    question: Question,
    guessed: Sequence[tuple[_WrittenCount, int]],
    questions: Questions,
) -> list[Answer]:
    """What follows the active counts; what follows guessed ones' mentions is kept with them."""
    ahead = [
        (one, n, Branch(one.branch.text, ids, one.branch))
        for one, n in guessed
        for ids in (encoder.mention_path(one.prompt, one.label, n, i) for i in range(1, n + 1))
    ]
    branches = [one.branch for one in active] + [branch for _, _, branch in ahead]
    asked = [[question]] * len(active)
    for text in (branch.text for _, _, branch in ahead):
        asked.append([questions.of_mention(text, questions.copy(text))])
    answers = session.extend(branches, asked)
    for (one, n, branch), answer in zip(ahead, answers[len(active) :], strict=True):
        one.run_ahead.setdefault(n, []).append((branch, answer))
    return answers[: len(active)]


def _finish(one: _WrittenCount, encoder: PromptEncoder, speculation: Speculation) -> LabelState:
    value, probability = encoder.read_count(one.ids), probability_of(one.log_probability)
    speculation.saw_count(one.label, value)
    count = cap_count(encoder, one.prompt, Count(one.label, value, probability))
    return LabelState(one.label, one.branch, count, one.run_ahead)


def most_count_tokens(encoder: PromptEncoder) -> int:
    """Of a count as it is written: digits, a blank, one digit too many."""
    return 1 if encoder.count_is_one_token else len(str(encoder.max_count)) + 2


def cap_count(encoder: PromptEncoder, prompt: TextPrompt, count: Count) -> Count:
    """As many as are decoded, with a warning where there were more."""
    # No text has more mentions of a label than tokens.
    most = min(encoder.max_count, max(len(prompt.encoded.ids), 1))
    if count.value <= most:
        return count
    warn_of_few(
        logger,
        "%d mentions of %s are counted in %r; the first %d are decoded (setting max_count)",
        count.value,
        count.label,
        prompt.encoded.text[:80],
        most,
    )
    return replace(count, value=most, capped=True)
