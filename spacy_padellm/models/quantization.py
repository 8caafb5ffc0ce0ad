"""Weights of linear layers in few bits, for less memory; by torchao or bitsandbytes."""

import importlib.util
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from ..extras import NotInstalledError, install_command


def quantize_weights(model: Any) -> None:
    """Rounds the weights of all linear layers but the head, in place. Raises NotInstalledError
    where torchao is not installed."""
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise NotInstalledError(
            f"the model setting `quantize` needs torchao: {install_command('quantize')}"
        ) from error
    head = set(model.get_output_embeddings().modules())

    def is_inner(module: nn.Module, _name: str) -> bool:
        return isinstance(module, nn.Linear) and module not in head

    quantize_(model, Int8WeightOnlyConfig(), filter_fn=is_inner)


def few_bits(bits: int, device: torch.device) -> Any:
    """The config with which transformers loads a base in 8 or 4 bits (bitsandbytes). Raises
    ValueError without a CUDA device or without bitsandbytes."""
    if device.type != "cuda":
        raise ValueError(
            f"the model setting `quantize` is '{bits}bit', which needs a CUDA device, and the "
            f"model is on {device}: set it to null, or to 'int8' for decoding"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ValueError(
            f"the model setting `quantize` is '{bits}bit', which needs bitsandbytes: "
            f"pip install bitsandbytes, or set it to null"
        )
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
