"""What the rooms hand to each other: encoded texts, counts, mentions.

Knows nothing of spaCy, torch or tokenizers. All offsets are character offsets into the text,
end exclusive.
"""

from dataclasses import dataclass, field

from .numeric import check_number, is_probability


@dataclass(frozen=True)
class EncodedText:
    """A text as the language model reads it.

    ids: token ids of the text alone, no prompt and no special token.
    offsets: one (start, end) a token, in characters of `text`, without surrounding white space.
    """

    text: str
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def boundaries(self) -> tuple[list[bool], list[bool]]:
        """At which tokens a mention may start, and at which it may end, [tokens] each.

        Not where that would part the bytes of one character: a byte-level token may hold parts
        of two characters, and its offsets then overlap those of its neighbours.
        """
        starts, ends = [], []
        reached = 0  # the farthest end of the tokens before
        for start, end in self.offsets:
            starts.append(start < end and start >= reached)
            reached = max(reached, end)
        next_start = len(self.text)  # the nearest start of the tokens behind
        for start, end in reversed(self.offsets):
            ends.append(start < end <= next_start)
            next_start = min(next_start, start)
        return starts, ends[::-1]

    def token_places(self) -> tuple[dict[int, int], dict[int, int]]:
        """Character at which a mention may start → its token; at which it may end → the token
        behind it."""
        may_start, may_end = self.boundaries()
        starts = {self.offsets[i][0]: i for i, may in enumerate(may_start) if may}
        ends = {self.offsets[i][1]: i + 1 for i, may in enumerate(may_end) if may}
        return starts, ends


@dataclass(frozen=True)
class Count:
    """How many mentions of a label the model announced (step 1).

    probability: of the emitted count, product over its tokens and its end.
    capped: the model asked for more than the cap; `value` is the cap.

    Raises ValueError for a probability that is none.
    """

    label: str
    value: int
    probability: float
    capped: bool = False

    def __post_init__(self) -> None:
        if not is_probability(self.probability):
            check_number(f"a probability of {self.label}", self.probability, least=0, most=1)


@dataclass(frozen=True)
class Mention:
    """One generated mention (step 2).

    index: 1 for the first mention of its label.
    start, end: characters in the text, None if the mention was not found in it (unconstrained).
    token_probabilities: of each generated token and of the end token, padding never counted.
    probability: their product, or what a `Calibration` makes of it and of the count's.

    Raises ValueError for a probability that is none: NaN would pass any threshold.
    """

    label: str
    index: int
    text: str
    start: int | None
    end: int | None
    probability: float
    token_probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not is_probability(self.probability):
            check_number(f"a probability of {self.label}", self.probability, least=0, most=1)


@dataclass
class Prediction:
    """What was decoded for one text: a count for every label, and all mentions."""

    counts: list[Count] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
