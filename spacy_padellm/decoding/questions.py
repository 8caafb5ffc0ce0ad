"""What is asked behind counts and mentions: which ids may come next, and what they compete with."""

from collections.abc import Sequence

import numpy as np

from ..lm.choices import Choices
from ..lm.session import Question
from ..prompts.encoding import PromptEncoder
from .copying import CopyBranch, TextSlices


class Questions:
    """The questions of a batch.

    slices: where the mentions of each text are copied from; None for free generation. choices:
    the ids that may be asked for, all where probability is spread over all.

    For a template that `copies`, probability is spread as in training: of a count over digits and
    ends, of a mention over the text's tokens and the end. Else over the whole vocabulary.
    """

    def __init__(self, encoder: PromptEncoder, slices: Sequence[TextSlices] | None) -> None:
        self.slices = slices
        self._ends = encoder.mention_end_ids
        limited = slices is not None and encoder.template.copies
        digits = np.array(sorted(encoder.digit_ids), dtype=np.int64)
        numbers = np.array(encoder.number_ids, dtype=np.int64)
        self.first_of_count = Question(digits, numbers if limited else None)
        self.next_of_count = Question(numbers, numbers if limited else None)
        self._among = None
        self.choices = Choices()
        if limited and slices is not None:
            self._among = [np.append(of_text.distinct_ids, self._ends) for of_text in slices]
            ids = np.concatenate([numbers, self._ends, *self._among])
            self.choices = Choices(np.unique(ids.astype(np.int64)))

    def has_mentions(self, text: int) -> bool:
        """Whether a mention can be found: an empty text, or white space, has none to copy."""
        return self.slices is None or bool(self.slices[text])

    def copy(self, text: int) -> CopyBranch | None:
        """A mention that has not begun; None where it is generated freely."""
        return None if self.slices is None else CopyBranch(self.slices[text])

    def of_mention(self, text: int, copy: CopyBranch | None) -> Question:
        """What follows the tokens that a mention has so far."""
        if copy is None:
            return Question()
        return Question(copy.allowed(self._ends), self._among[text] if self._among else None)
