"""Gold spans to what the model must say: paths in the prompt tree, with their targets.

The loss falls on counts and mentions (paper, section 3.1); a label without mentions is a
count of 0. Mention targets are the text's own token slices, never a mention tokenised alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..formats.gold_text import GoldText, Span
from ..prompts.encoding import PromptEncoder, TextPrompt


@dataclass(frozen=True)
class TargetPath:
    """A whole sequence whose last `n_targets` ids the model must produce itself.

    The last id of all is only ever a target, never read.
    """

    ids: tuple[int, ...]
    n_targets: int
    is_mention: bool = False


@dataclass(frozen=True)
class TokenMention:
    """A gold mention on the model's tokens: start, end (exclusive), index among its label's,
    from 1."""

    label: str
    index: int
    start: int
    end: int


@dataclass(frozen=True)
class TrainingText:
    """A text ready for training. mentions: as many of each label as the encoder counts; beyond:
    further ones, which a model that points learns, too. unaligned: gold spans that do not begin and
    end on tokens of the model. numbers: ids that a count is chosen among, where the template
    `copies`."""

    prompt: TextPrompt
    paths: tuple[TargetPath, ...]
    mentions: tuple[TokenMention, ...] = ()
    unaligned: tuple[Span, ...] = ()
    numbers: tuple[int, ...] = ()
    beyond: tuple[TokenMention, ...] = ()

    @property
    def size(self) -> int:
        """About how many tree nodes the text takes."""
        return self.prompt.size + sum(path.n_targets + 1 for path in self.paths)

    @property
    def expanded_size(self) -> int:
        """Tokens of all its paths, each by itself."""
        return sum(len(path.ids) for path in self.paths)


def make_training_text(
    encoder: PromptEncoder,
    gold: GoldText,
    labels: Sequence[str],
    max_labels: int | None = None,
    rng: random.Random | None = None,
) -> TrainingText:
    """Targets for one text.

    max_labels: ask at most so many labels, those present first, the rest drawn by `rng`; for
    schemes with very many labels. Spans off the model's tokens are left out of counts and
    mentions, and returned as `unaligned`; those over the encoder's max_count as `beyond`.
    """
    asked = [label for label in (gold.labels or labels)]
    spans = sorted({span for span in gold.spans if span[2] in set(asked)})
    if max_labels is not None and len(asked) > max_labels:
        asked = _draw_labels(asked, {label for _, _, label in spans}, max_labels, rng)
    prompt = encoder.prompt(gold.text, asked)
    starts, ends = prompt.encoded.token_places()
    paths: list[TargetPath] = []
    mentions: list[TokenMention] = []
    beyond: list[TokenMention] = []
    unaligned: list[Span] = []
    for label in asked:
        found: list[TokenMention] = []
        for span in (span for span in spans if span[2] == label):
            first, last = starts.get(span[0]), ends.get(span[1])
            if first is not None and last is not None:
                found.append(TokenMention(label, len(found) + 1, first, last))
            else:
                unaligned.append(span)
        own = found[: encoder.max_count]
        beyond += found[encoder.max_count :]
        path, targets = encoder.count_targets(prompt, label, len(own))
        paths.append(TargetPath((*path, *targets), len(targets)))
        for mention in own:
            path = encoder.mention_path(prompt, label, len(own), mention.index)
            ids = (*prompt.encoded.ids[mention.start : mention.end], encoder.mention_end_ids[0])
            paths.append(TargetPath((*path, *ids), len(ids), True))
        mentions += own
    numbers = encoder.number_ids if encoder.template.copies else ()
    told = (tuple(mentions), tuple(unaligned), numbers, tuple(beyond))
    return TrainingText(prompt, tuple(paths), *told)


def _draw_labels(
    asked: Sequence[str], present: set[str], limit: int, rng: random.Random | None
) -> list[str]:
    absent = [label for label in asked if label not in present]
    room = max(0, limit - len(present))
    drawn = set((rng or random.Random(0)).sample(absent, min(room, len(absent))))
    return [label for label in asked if label in present or label in drawn]
