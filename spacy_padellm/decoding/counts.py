"""Step 1: for every label of every text, how many mentions there are. All at once, greedy."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

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

    branch: ends before the mentions. opened: by count, the branches of its mentions that were run
    before the count was known, each with what may come behind its marker.
    """

    label: str
    branch: Branch
    count: Count
    opened: dict[int, list[tuple[Branch, Answer]]] = field(default_factory=dict)


@dataclass(eq=False)
class _WrittenCount:
    """A count being written."""

    label: str
    branch: Branch
    prompt: TextPrompt
    ids: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    opened: dict[int, list[tuple[Branch, Answer]]] = field(default_factory=dict)


def decode_counts(
    session: Session,
    encoder: PromptEncoder,
    prompts: Sequence[TextPrompt],
    questions: Questions,
    max_count: int,
    speculation: Speculation,
) -> list[list[LabelState]]:
    """Counts with what is needed to go on, [texts][labels].

    A count is made of digit tokens and ended by what the template ends it with; its
    probability is the product over both, in the vocabulary, or among numbers and their end where
    the model was trained to choose among them. More than max_count is capped, with a warning that
    names text and label. Mentions of likely counts are run along (`Speculation.guess`).
    """
    pending: list[list[_WrittenCount]] = []
    for text, prompt in enumerate(prompts):
        trunk = Branch(text, list(prompt.trunk))
        pending.append(
            [
                _WrittenCount(label, Branch(text, [*prompt.trunk, *ids], trunk), prompt)
                for label, ids in zip(prompt.labels, prompt.branches, strict=True)
            ]
        )
    flat = [of_label for of_text in pending for of_label in of_text]
    most_tokens = len(str(max_count)) + 2  # digits, a blank, one digit too many
    guesses = speculation.guess([prompt.labels for prompt in prompts])
    guesses = tuple(n for n in guesses if n <= max_count) if encoder.count_is_one_token else ()
    active, question = flat, questions.first_of_count
    while active:
        ahead = [
            (one, n)
            for one in active
            for n in _guesses(one, guesses, encoder, max_count)
            if speculation.guesses != () and questions.has_mentions(one.branch.text)
        ]
        answers = _extend(session, encoder, active, question, ahead, questions)
        going = []
        for one, answer in zip(active, answers, strict=True):
            best = answer.best()
            token = int(answer.ids[best])
            one.log_probability += float(answer.log_probs[best])
            if token in encoder.count_end_ids:
                continue
            one.ids.append(token)
            if not encoder.count_is_one_token and len(one.ids) < most_tokens:
                one.branch.ids.append(token)
                going.append(one)
        active, question, guesses = going, questions.next_of_count, ()
    return [[_finish(one, encoder, max_count, speculation) for one in row] for row in pending]


def _guesses(
    one: _WrittenCount, guesses: Sequence[int], encoder: PromptEncoder, max_count: int
) -> Sequence[int]:
    """The counts that may turn out to be it: guessed ones, or digits that may be all."""
    if not one.ids:
        return guesses
    value = encoder.read_count(one.ids)
    return (value,) if 0 < value <= max_count and value not in one.opened else ()


def _extend(
    session: Session,
    encoder: PromptEncoder,
    active: Sequence[_WrittenCount],
    question: Question,
    ahead: Sequence[tuple[_WrittenCount, int]],
    questions: Questions,
) -> list[Answer]:
    """What follows the active counts; what follows mentions run ahead is kept in `opened`."""
    opened = [
        (one, n, Branch(one.branch.text, ids, one.branch))
        for one, n in ahead
        for ids in (encoder.mention_path(one.prompt, one.label, n, i) for i in range(1, n + 1))
    ]
    branches = [one.branch for one in active] + [branch for _, _, branch in opened]
    asked = [[question]] * len(active)
    for text in (branch.text for _, _, branch in opened):
        asked.append([questions.of_mention(text, questions.copy(text))])
    answers = session.extend(branches, asked)
    for (one, n, branch), answer in zip(opened, answers[len(active) :], strict=True):
        one.opened.setdefault(n, []).append((branch, answer))
    return answers[: len(active)]


def _finish(
    one: _WrittenCount, encoder: PromptEncoder, max_count: int, speculation: Speculation
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
