"""How a decoder goes about it: one object, checked once, handed whole from the config down."""

from dataclasses import dataclass
from typing import cast

from ..lm.session import Method, SessionModel
from ..spans.numeric import MOST_TOKENS, check_number

LIKELY = 0.5  # what is above it is likelier than not
METHODS = ("auto", "tree", "rows", "paper", "pointers")


@dataclass(frozen=True)
class DecodingSettings:
    """What a decoder may be told. The most mentions of a label are the encoder's `max_count`.

    method: "tree" (each text once, all branches in one packed row), "rows" (the text's cache
    repeated a branch, for any architecture), "paper" (every prompt encoded whole; to compare),
    "pointers" (where mentions begin and end, in one pass, by a model trained for it), "auto" by
    what the model can do.
    copy: mentions are copied from the text, with exact offsets. token_budget: step-1 tokens a
    batch. max_mention_tokens: a longer mention is cut, and reported. draft_tokens, guess_counts:
    how far to run ahead (`Speculation`); None chooses by cost. distinct: no two mentions of a
    label begin at the same place, for schemes without nested ones. start_threshold: the
    probability above which a mention begins, of a model that points.

    Raises ValueError naming a setting that is out of its range.
    """

    method: str = "auto"
    copy: bool = True
    token_budget: int = 4096
    max_mention_tokens: int = 64
    draft_tokens: int | None = None
    guess_counts: tuple[int, ...] | None = None
    distinct: bool = False
    start_threshold: float = LIKELY

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"decoder is {self.method!r}: choose one of {', '.join(METHODS)}")
        check_number("token_budget", self.token_budget, least=1, most=MOST_TOKENS, whole=True)
        tokens = self.max_mention_tokens
        check_number("max_mention_tokens", tokens, least=1, most=MOST_TOKENS, whole=True)
        if self.draft_tokens is not None:
            check_number("draft_tokens", self.draft_tokens, least=0, whole=True)
        check_number("start_threshold", self.start_threshold, above=0, most=1)

    def method_for(self, lm: SessionModel) -> Method:
        """The method with this model. Raises ValueError for one that cannot serve it."""
        if self.method == "auto":
            return "pointers" if lm.points else "tree" if lm.tree else "rows"
        if self.method == "pointers" and not lm.points:
            raise ValueError(
                f"{lm.name} was not trained to point at mentions: set decoder = 'auto', or train "
                f"it with the model setting pointers = true"
            )
        if self.method not in ("auto", "pointers") and lm.points:
            raise ValueError(
                f"{lm.name} was trained to point at mentions, and does not write them: set decoder "
                f"= 'auto'"
            )
        if self.method == "tree" and not lm.tree:
            raise ValueError(
                f"{lm.name} does not keep the branches of a tree apart; set decoder = 'rows'"
            )
        return cast(Method, self.method)
