"""The decoders that are measured, by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from ...decoding import Decoder, DecodingSettings, DecodingWork, TextInput
from ...formats.gold_text import GoldText
from ...models.loaded_model import LoadedModel
from ...spans.numeric import MOST_TOKENS
from ...spans.prediction import Prediction
from .autoregressive import get_answer_format
from .forcing import ForcedAutoregressiveDecoder, GoldForcedModel
from .method_names import check_method

NO_BUDGET = MOST_TOKENS  # the batch size alone decides


class AnyDecoder(Protocol):
    """What all methods have in common."""

    lm: Any
    work: DecodingWork

    def predict(
        self, texts: Sequence[TextInput | str], labels: Sequence[str]
    ) -> list[Prediction]: ...


def make_decoder(
    method: str, loaded: LoadedModel, golds: Sequence[GoldText] | None = None
) -> AnyDecoder:
    """golds: forces these answers upon the model; None lets it answer. Raises ValueError for a
    method that does not exist."""
    check_method(method)
    if method in ("structured", "augmented"):
        return ForcedAutoregressiveDecoder(
            loaded.lm,
            loaded.encoder(),
            get_answer_format(method),
            token_budget=NO_BUDGET,
            golds=golds,
        )
    runs_ahead = method in ("ahead", "compiled")
    lm = replace(loaded.lm, static=None)
    if method == "compiled":
        lm.compile()
    settings = DecodingSettings(
        method={"paper": "paper", "paper-copy": "paper", "rows": "rows"}.get(method, "tree"),
        copy=method not in ("paper", "tree-free"),
        token_budget=NO_BUDGET,
        draft_tokens=None if runs_ahead else 0,
        guess_counts=None if runs_ahead else (),
    )
    encoder = loaded.encoder()
    return Decoder(lm if golds is None else GoldForcedModel(lm, encoder, golds), encoder, settings)
