"""What stands before every text: examples, for a model that was not trained to answer.

Knows strings and ids; which ids, `demonstrations.py` finds out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .template import PromptTemplate


@dataclass(frozen=True)
class Demonstration:
    """A text with its mentions, (start, end, label) in characters and in the order of the text.

    labels: those that were looked for in it, None for all.
    """

    text: str
    spans: tuple[tuple[int, int, str], ...] = ()
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Preamble:
    """Ids, and the same as a string, that every prompt begins with.

    ends: ids that follow a mention in it, and so end one that is written. stop: the string that
    they begin with; "" where a token of the template ends mentions. lengths: ids of each example.
    """

    ids: tuple[int, ...] = ()
    text: str = ""
    ends: tuple[int, ...] = ()
    stop: str = ""
    lengths: tuple[int, ...] = ()

    def fitting(self, most: int) -> int:
        """How many of the first examples have at most so many ids together."""
        for i in range(len(self.lengths)):
            if sum(self.lengths[: i + 1]) > most:
                return i
        return len(self.lengths)


def labels_shown(
    demonstrations: Sequence[Demonstration], labels: Sequence[str]
) -> list[tuple[str, ...]]:
    """The labels that each text is shown with, in the order of `labels`: those that it has, and one
    that it lacks, so that the model sees a count of 0: that which was shown so least often."""
    shown_lacking: Counter[str] = Counter()
    shown = []
    for one in demonstrations:
        own = {label for _, _, label in one.spans}
        looked_for = labels if one.labels is None else one.labels
        lacking = [label for label in labels if label not in own and label in looked_for]
        zero = min(lacking, key=lambda label: shown_lacking[label], default=None)
        if zero is not None:
            shown_lacking[zero] += 1
        shown.append(tuple(label for label in labels if label in own or label == zero))
    return shown


def check_takes_examples(template: PromptTemplate) -> None:
    """Raises ValueError, naming the setting, for a template that examples cannot stand before."""
    why = ""
    if template.markers == "special":
        why = "has special tokens, which only a model that was trained with them understands"
    elif template.bidirectional:
        why = "is bidirectional, which only a model can read that was trained so, on single texts"
    elif template.repeat_text:
        why = "repeats the text, as a model was trained to read it"
    elif template.joint:
        why = "is joint, as a model was trained on single texts with it"
    if why:
        raise ValueError(
            f"`examples` are for models that were not trained to find entities, and the template "
            f"{template.name!r} {why}: set examples to null, or name a plain pretrained model with "
            f"the template 'plain'"
        )
    parts = (template.before_label, template.before_mention)
    if not template.end_of_mention and not all(part.startswith("\n") for part in parts):
        raise ValueError(
            f"`examples` show the model that a line end ends a mention: let before_label and "
            f"before_mention of the template {template.name!r} begin with one, or set "
            f"end_of_mention"
        )
