"""What surrounds a model's body, found by trying: embeddings, output head, what comes behind it."""

from dataclasses import dataclass
from typing import Any

import torch

from ...lm.language_model import LanguageModel
from ...lm.selfcheck import IGNORES_TREE_MASK

_TOLERANCE = 1e-4  # of the largest number
MOST_ROUNDED = 2_000_000_000  # bytes: protobuf takes 2**31, with all that is not weights
_FLOAT32 = 4  # bytes
_LONG_POSITIONS = ("dynamic", "longrope", "yarn-dynamic")


@dataclass(frozen=True, eq=False)
class FoundHead:
    """As `lm.onnx.head.Head`, with tensors of the model."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    softcap: float | None
    scale: float


def check_exportable(lm: LanguageModel) -> None:
    """Raises ValueError with a mend for a model that the ONNX runtime cannot serve."""
    kind = getattr(lm.config, "model_type", "model")
    if lm.quantized:
        raise ValueError(
            f"{lm.name} is quantised: set quantize to null, and give --precision int8 for weights "
            f"in 8 bits"
        )
    if lm.adapter:
        raise ValueError(
            f"{lm.name} has an adapter: merge it first (python -m spacy padellm merge)"
        )
    if not lm.tree or kind in IGNORES_TREE_MASK:
        raise ValueError(
            f"{lm.name} is a {kind} model, which takes no tree mask, and cannot be exported: run "
            f"it with runtime = 'torch'"
        )
    ropes = getattr(lm.config, "rope_parameters", None) or {}
    nested = [ropes, *(part for part in ropes.values() if isinstance(part, dict))]
    for part in nested:
        if part.get("rope_type") in _LONG_POSITIONS:
            raise ValueError(
                f"{lm.name} has positions of the type {part['rope_type']!r}, which depend on the "
                f"longest text of a batch, and cannot be exported: run it with runtime = 'torch'"
            )


def check_roundable(lm: LanguageModel) -> None:
    """Raises ValueError with a mend for a model that is too large for `rounding`: its graph is
    written in float32 several times on the way, with all weights in it."""
    around = [lm.model.get_input_embeddings(), lm.model.get_output_embeddings()]
    known = {id(weight) for part in around if part is not None for weight in part.parameters()}
    rest = [weight for weight in lm.base.parameters() if id(weight) not in known]
    size = _FLOAT32 * sum(weight.numel() for weight in rest)
    if size > MOST_ROUNDED:
        raise ValueError(
            f"{lm.name} has {size / 1e9:.1f} GB of weights in float32 beside its embeddings and "
            f"head, and --precision int8 takes up to {MOST_ROUNDED / 1e9:.1f} GB: give --precision "
            f"fp32 or fp16"
        )


@torch.inference_mode()
def embedding_scale(lm: LanguageModel) -> float:
    """What rows of the embeddings are multiplied by. Raises ValueError for embeddings that are more
    than a table."""
    module: Any = lm.model.get_input_embeddings()
    ids = torch.arange(min(64, module.weight.shape[0]))
    scale = float(getattr(module, "embed_scale", 1.0))
    if not _close(module(ids), module.weight[ids] * scale):
        raise ValueError(
            f"{lm.name} cannot be exported: its embeddings ({type(module).__name__}) are more than "
            f"a table of rows. Run it with runtime = 'torch'"
        )
    return scale


@torch.inference_mode()
def find_head(lm: LanguageModel) -> FoundHead:
    """The linear head, and what becomes of its logits. Raises ValueError for one that is otherwise
    made."""
    head: Any = lm.model.get_output_embeddings()
    weight, bias = getattr(head, "weight", None), getattr(head, "bias", None)
    read: list[torch.Tensor] = []
    if weight is not None and weight.ndim == 2:
        hook = head.register_forward_pre_hook(lambda _, args: read.append(args[0]))
        try:
            ids = torch.arange(8)[None] % lm.model.get_input_embeddings().weight.shape[0]
            wanted = lm.model(input_ids=ids).logits[0].float()
        finally:
            hook.remove()
        plain = read[0][0].float() @ weight.float().T + (0 if bias is None else bias.float())
        cap = getattr(lm.config, "final_logit_softcapping", None)
        factors = {getattr(lm.config, name, None) for name in ("logit_scale", "lm_head_multiplier")}
        divisor = getattr(lm.config, "logits_scaling", None)
        for scale in (1.0, *(f for f in factors if f), *([1 / divisor] if divisor else [])):
            for softcap in dict.fromkeys((cap, None)):
                found = plain * scale
                if softcap is not None:
                    found = torch.tanh(found / softcap) * softcap
                if _close(wanted, found):
                    return FoundHead(weight, bias, softcap, float(scale))
    raise ValueError(
        f"{lm.name} cannot be exported: its output head is more than a matrix. Run it with "
        f"runtime = 'torch'"
    )


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= _TOLERANCE * other.abs().max().clamp(min=1e-6))
