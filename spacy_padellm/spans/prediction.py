"""What was decoded for a text: counts and mentions. All offsets are characters, end exclusive."""

from dataclasses import dataclass, field

from .numeric import check_number, is_probability


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
