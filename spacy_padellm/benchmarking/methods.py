"""The decoders that are measured, by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..autoregressive import get_answer_format
from ..decoding import Decoder, DecodingWork, TextInput
from ..gold import GoldText
from ..loading import LoadedModel
from ..types import Prediction
from .forcing import ForcedAutoregressiveDecoder, GoldForcedModel

NO_BUDGET = 10**9  # the batch size alone decides

METHODS: dict[str, str] = {
    "paper": "the paper's algorithm: a prompt for each label and for each mention",
    "paper-copy": "the same, mentions held to slices of the text",
    "rows": "the text's cache repeated for each label and mention, mentions copied",
    "tree-free": "one prompt tree a text, mentions generated freely",
    "tree": "one prompt tree a text, mentions copied",
    "ahead": "the same, drafts and likely mentions read along (the default)",
    "compiled": "the same in fixed shapes, compiled before the measurement begins",
    "structured": "autoregressive: one list of label and mention pairs a text",
    "augmented": "autoregressive: the text again, mentions marked in it",
}

# A model that was trained with the template's `copies` has not learned to write for these.
FREE_METHODS = ("paper", "tree-free", "structured", "augmented")


class AnyDecoder(Protocol):
    """What all methods have in common."""

    lm: Any
    work: DecodingWork

    def predict(
        self, texts: Sequence[TextInput | str], labels: Sequence[str]
    ) -> list[Prediction]: ...


def check_method(method: str) -> None:
    """Raises ValueError for a method that does not exist."""
    if method not in METHODS:
        raise ValueError(f"method {method!r}: choose from {', '.join(METHODS)}")


def make_decoder(
    method: str, loaded: LoadedModel, golds: Sequence[GoldText] | None = None
) -> AnyDecoder:
    """golds: forces these answers upon the model; None lets it answer.

    Raises ValueError for a method that does not exist.
    """
    check_method(method)
    if method in ("structured", "augmented"):
        return ForcedAutoregressiveDecoder(
            loaded.lm,
            loaded.encoder(),
            get_answer_format(method),
            token_budget=NO_BUDGET,
            golds=golds,
        )
    settings: dict[str, Any] = {"draft_tokens": 0, "guess_counts": ()}
    if method in ("ahead", "compiled"):
        settings = {}
    lm = replace(loaded.lm, static=None)
    if method == "compiled":
        lm.compile()
    name = {"paper": "paper", "paper-copy": "paper", "rows": "rows"}.get(method, "tree")
    encoder = loaded.encoder()
    return Decoder(
        lm if golds is None else GoldForcedModel(lm, encoder, golds),
        encoder,
        method=name,  # type: ignore[arg-type]
        copy=method not in ("paper", "tree-free"),
        token_budget=NO_BUDGET,
        **settings,
    )
