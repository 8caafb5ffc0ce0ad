"""Weights of linear layers in 8 bits, for less memory; by torchao."""

from typing import Any

from torch import nn


def quantize_weights(model: Any) -> None:
    """Rounds the weights of all linear layers but the head, in place.

    Raises ValueError where torchao is not installed.
    """
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise ValueError(
            "the model setting `quantize` needs torchao: pip install torchao"
        ) from error
    head = set(model.get_output_embeddings().modules())

    def is_inner(module: nn.Module, _name: str) -> bool:
        return isinstance(module, nn.Linear) and module not in head

    quantize_(model, Int8WeightOnlyConfig(), filter_fn=is_inner)
