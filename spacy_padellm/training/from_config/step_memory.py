"""How much memory a step takes on a CPU."""

import torch
from torch import nn

from ...lm.language_model import LanguageModel

MUCH = 4e9  # bytes, beside which a laptop does other work
_RUNTIME = 0.7e9  # Python, torch and transformers themselves
_GRADIENT_AND_ADAM = 12  # bytes for each weight that is trained


def advise(lm: LanguageModel, token_budget: int, mixed_precision: bool) -> str | None:
    """What to pass to a run that takes much memory without it, or None.

    token_budget: the most tokens of a pass. mixed_precision: bfloat16 autocast.
    """
    fixed = _fixed(lm.trained, mixed_precision)
    kept = _activations(lm.config, min(token_budget, lm.training_tokens))
    if kept is None or fixed + sum(kept) <= MUCH:
        return None
    saved = kept[0]
    return (
        f"a step takes about {(fixed + sum(kept)) / 1e9:.1f} GB of memory: "
        f"--gradient-checkpointing saves about {saved / 1e9:.1f} GB of it, for about a third more "
        f"work"
    )


def _fixed(trained: nn.Module, mixed_precision: bool) -> float:
    """Bytes that do not grow with the text."""
    weights = sum(w.numel() * w.element_size() for w in trained.parameters())
    learned = sum(w.numel() for w in trained.parameters() if w.requires_grad)
    linear = [m.weight for m in trained.modules() if isinstance(m, nn.Linear)]
    copies = sum(2 * w.numel() for w in linear if w.dtype == torch.float32)
    return _RUNTIME + weights + learned * _GRADIENT_AND_ADAM + (copies if mixed_precision else 0)


def _activations(config: object, tokens: int) -> tuple[float, float] | None:
    """Bytes that the layers keep for the backward pass, and those among them which they keep with
    gradient checkpointing, too: the hidden states between layers, and all of one layer. None for a
    config that does not say its sizes.

    A layer keeps about four vectors as wide as the hidden states, and two and a half as wide as its
    feed-forward part (measured on MiniLM with all weights trained, and on SmolLM2 with LoRA).
    """
    names = ("num_hidden_layers", "hidden_size", "intermediate_size")
    layers, hidden, inner = (getattr(config, name, None) for name in names)
    if not (isinstance(layers, int) and isinstance(hidden, int) and isinstance(inner, int)):
        return None
    layer = 4 * tokens * (4 * hidden + 2.5 * inner)
    stays = layer + 4 * tokens * hidden * layers
    return max(layer * layers - stays, 0.0), stays
