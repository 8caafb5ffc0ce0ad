"""A model that is made ready for training, as a whole or with an adapter."""

import logging
from dataclasses import replace

import torch

from ..lm.gradients import gradients_on
from ..lm.language_model import LanguageModel
from .adapter_settings import AdapterSettings
from .adapters import train_adapter
from .load import take_alone
from .loaded_model import LoadedModel

logger = logging.getLogger(__name__)


@gradients_on()
def make_trainable(
    loaded: LoadedModel[LanguageModel],
    peft: AdapterSettings | None,
    train_embeddings: bool = True,
) -> LoadedModel[LanguageModel]:
    """The model with its weights, or those of an adapter alone, ready for training.

    peft: an adapter to train, which is put on if need be; one that is there is trained anyway.
    train_embeddings: whether those of tokens are among the weights, where there is no adapter; an
    output head that shares them is then not trained either.

    Raises ValueError for a model that cannot be trained so.
    """
    hardware = loaded.source.hardware
    with_adapter = peft is not None or loaded.lm.adapter
    if loaded.lm.quantized and not (with_adapter and hardware.bits):
        raise ValueError(
            "a quantised model cannot be trained: set model.quantize to null, or, for an "
            "adapter on a CUDA device, to '4bit'"
        )
    if with_adapter:
        compiled = loaded.lm.static is not None
        lm = train_adapter(take_alone(loaded.lm), peft, loaded.new_tokens)
        if compiled and lm.static is None:
            lm.compile()
        return replace(loaded, lm=lm)
    if loaded.lm.dtype == torch.bfloat16 and hardware.dtype == "bfloat16":
        logger.warning("all weights are trained in bfloat16, as `dtype` says: small steps are lost")
    else:
        loaded.lm.widen()
    for parameter in loaded.lm.trained.parameters():
        parameter.requires_grad_(True)
    if not train_embeddings:
        if loaded.new_tokens:
            raise ValueError(
                f"template {loaded.template.name!r} adds tokens that the model has not seen, and "
                f"the model setting `train_embeddings` is false: set it to true, or `template` to "
                f"'plain'"
            )
        loaded.lm.model.get_input_embeddings().requires_grad_(False)
    points = loaded.lm.points
    if points:
        _spare_what_writes(loaded.lm)
    return replace(loaded, only_here=loaded.only_here or bool(loaded.new_tokens) or points)


def _spare_what_writes(lm: LanguageModel) -> None:
    """The output head, with all that leads to it, is not read while a model learns to point: it
    would wait for gradients, and so would other processes."""
    read = {*lm.model.get_decoder().parameters(), *lm.model.get_input_embeddings().parameters()}
    for parameter in lm.model.parameters():
        if parameter not in read:
            parameter.requires_grad_(False)
