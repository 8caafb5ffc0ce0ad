"""How large the numbers of a config may be: far more than any model in use has, and not so much
that making the model would not end."""

import math
import re
from collections.abc import Iterator
from typing import Any

MOST_LAYERS = 1_000
MOST_SIZE = 10_000_000  # of a vocabulary, a layer's width, a rank
MOST_POSITIONS = 1_000_000_000
_BIGGEST = 2**63
# Architectures count layers, blocks and stacks of layers under many names; what one of them has
# inside is not their number.
_LAYERS = re.compile(r"layer|block|stack|depth")
_INSIDE = re.compile(r"size|channel|width|dim|length|multipl|theta|token")
_DEPTHS = frozenset("num_hidden_layers n_layer n_layers num_layers num_decoder_layers".split())
_SIZES = frozenset(
    "hidden_size n_embd d_model embed_dim intermediate_size n_inner ffn_dim d_ff vocab_size "
    "num_attention_heads n_head num_heads num_key_value_heads head_dim kv_channels "
    "num_local_experts num_experts n_routed_experts moe_intermediate_size".split()
)
_POSITIONS = frozenset(
    {"max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "sliding_window"}
)
_POSITIVE = _DEPTHS | {"hidden_size", "n_embd", "d_model", "vocab_size", "max_position_embeddings"}
_ENDLESS = re.compile(r"limit")  # of what may go to infinity: time_step_limit of mamba2
_FLOAT = "__float__"  # {"__float__": "Infinity"}: how transformers writes what JSON has not
# Of other numbers of an adapter: seeds, steps and scales may be as large as one likes.
_FREE = re.compile("seed|key|step|token|alpha")


def check_config(data: Any) -> None:
    """Raises ValueError for a number of config.json that is out of its bounds, or not finite."""
    for name, value in _numbers(data):
        _check_finite(name, value, may_be_endless=bool(_ENDLESS.search(name)))
        if isinstance(value, int):
            most = _BIGGEST
            if name in _POSITIONS:
                most = MOST_POSITIONS
            elif name in _SIZES:
                most = MOST_SIZE
            elif counts_layers(name):
                most = MOST_LAYERS
            least = 1 if name in _POSITIVE else 0 if name in _SIZES else -most
            if not least <= value <= most:
                raise ValueError(f"{name} is {str(value)[:30]}: it must be {least} to {most}")


def counts_layers(name: str) -> bool:
    """Whether a field is the number of some kind of layers, or of one among them."""
    return bool(_LAYERS.search(name)) and not _INSIDE.search(name)


def check_adapter(data: Any) -> None:
    """Raises ValueError for a number of adapter_config.json that is too large, or not finite."""
    for name, value in _numbers(data):
        _check_finite(name, value)
        most = 2**40 if _FREE.search(name) else 1_000_000
        if isinstance(value, int) and not -most <= value <= most:
            raise ValueError(f"{name} is {str(value)[:30]}, and {most} is the most")


def _check_finite(name: str, value: int | float, may_be_endless: bool = False) -> None:
    if isinstance(value, int) or math.isfinite(value):
        return
    if value != value or not may_be_endless:
        raise ValueError(f"{name} is not a finite number")


def _numbers(data: Any) -> Iterator[tuple[str, int | float]]:
    """All numbers in a file, with the name of the field that they are in."""
    left = [("", data)]
    while left:  # no recursion: the file decides how deep it is
        name, value = left.pop()
        if isinstance(value, dict):
            left += [(name if key == _FLOAT else str(key), item) for key, item in value.items()]
            if isinstance(written := value.get(_FLOAT), str):
                try:
                    yield name, float(written)
                except ValueError:
                    raise ValueError(f"{name} is {written[:30]!r}, which is not a number") from None
        elif isinstance(value, list):
            left += [(name, item) for item in value]
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, value
