"""The decoders that are measured, by name."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ...decoding import Decoder, DecodingSettings, TextDecoder
from ...formats.gold_text import GoldText
from ...lm.onnx.model import OnnxModel
from ...models.loaded_model import LoadedModel
from ...prompts.encoding import PromptEncoder
from ...spans.numeric import MOST_TOKENS
from .method_names import check_method

_DECODING = {"paper": "paper", "paper-copy": "paper", "rows": "rows", "pointers": "pointers"}
_FOR_TORCH = ("structured", "augmented", "compiled")
NO_BUDGET = MOST_TOKENS  # the batch size alone decides
LOOKUP_TOKENS = 10  # a draft, as the documentation of transformers has it


def make_decoder(
    method: str,
    loaded: LoadedModel,
    golds: Sequence[GoldText] | None = None,
    encoder: PromptEncoder | None = None,
) -> TextDecoder:
    """golds: forces these answers upon the model; None lets it answer. encoder: instead of the
    model's own.

    Raises ValueError for a method that does not exist, or is not this model's.
    """
    check_method(method)
    if loaded.lm.points and (method != "pointers" or golds is not None):
        raise ValueError(
            f"method {method!r}: {loaded.lm.name} points at mentions and does not write them, so "
            f"that nothing can be forced: give --methods pointers, without --forced"
        )
    encoder = encoder or loaded.encoder()
    answer, _, drafts = method.partition("-")
    exported = isinstance(loaded.lm, OnnxModel)
    if exported and (golds is not None or answer in _FOR_TORCH):
        what = "forced answers are" if golds is not None else f"method {method!r} is"
        raise ValueError(
            f"{what} for torch, and {loaded.lm.name} runs on onnxruntime: name the model that it "
            f"was exported from, or set model.runtime to 'torch' in its config"
        )
    if golds is not None or answer in ("structured", "augmented"):
        # With torch, which others run without.
        from .autoregressive import AutoregressiveDecoder, get_answer_format
        from .forcing import ForcedAutoregressiveDecoder, GoldForcedModel
    if answer in ("structured", "augmented"):
        make: Any = AutoregressiveDecoder
        if golds is not None:
            make = partial(ForcedAutoregressiveDecoder, golds=golds)
        return make(
            loaded.lm,
            encoder,
            DecodingSettings(token_budget=NO_BUDGET),
            answer=get_answer_format(answer),
            lookup_tokens=LOOKUP_TOKENS if drafts else 0,
        )
    runs_ahead = method in ("ahead", "compiled")
    lm = loaded.lm if exported else replace(loaded.lm, static=None)
    if method == "compiled":
        lm.compile()
    settings = DecodingSettings(
        method=_DECODING.get(method, "tree"),
        copy=method not in ("paper", "tree-free"),
        token_budget=NO_BUDGET,
        draft_tokens=None if runs_ahead else 0,
        guess_counts=None if runs_ahead else (),
        start_threshold=loaded.settings.start_threshold or DecodingSettings.start_threshold,
    )
    return Decoder(lm if golds is None else GoldForcedModel(lm, encoder, golds), encoder, settings)
