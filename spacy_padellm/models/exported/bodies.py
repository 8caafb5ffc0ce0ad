"""What is traced of a model: its passes without embeddings and head, as `lm/onnx` runs them."""

import copy
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from ...lm.language_model import LanguageModel
from ...lm.onnx.passes import (
    EMBEDDED,
    MASK,
    POSITIONS,
    STATES,
    WINDOW_MASK,
    LayerShape,
    new_name,
    past_name,
)

_EXAMPLE = (2, 3, 5)  # rows, new columns and past ones: no two alike


class Body(nn.Module):
    """inputs, outputs: names, in the order of `forward`. axes: those that vary. example: what it
    is traced with."""

    def __init__(self, lm: LanguageModel) -> None:
        super().__init__()
        self.mixed = lm.mixes_windows
        self.inputs = [EMBEDDED, POSITIONS, MASK, *([WINDOW_MASK] if self.mixed else [])]
        self.outputs = [STATES]
        self.axes: dict[str, dict[int, str]] = {
            EMBEDDED: {0: "rows", 1: "new"},
            POSITIONS: {0: "rows", 1: "new"},
            MASK: {0: "rows", 2: "new", 3: "all"},
            STATES: {0: "rows", 1: "new"},
        }
        if self.mixed:
            self.axes[WINDOW_MASK] = self.axes[MASK]
        self.plain = lm.attention == "sdpa"
        rows, new, past = _EXAMPLE
        self.example = self._example(lm, rows, new, past if isinstance(self, CachedBody) else 0)

    def _example(self, lm: LanguageModel, rows: int, new: int, past: int) -> list[torch.Tensor]:
        width = lm.model.get_input_embeddings().weight.shape[1]
        mask = torch.ones(rows, 1, new, past + new, dtype=torch.bool).tril(past)
        positions = (past + torch.arange(new)).expand(rows, new).contiguous()
        masks = [mask, mask.clone()] if self.mixed else [mask]
        return [torch.randn(rows, new, width), positions, *masks]

    def _masks(self, given: tuple[torch.Tensor, ...]) -> Any:
        """In the form that the attention in use understands."""
        masks = [mask if self.plain else _added(mask) for mask in given]
        if not self.mixed:
            return masks[0]
        return {"full_attention": masks[0], "sliding_attention": masks[1]}


class PlainBody(Body):
    """Of a model that points: one pass, nothing is kept of it."""

    def __init__(self, lm: LanguageModel) -> None:
        super().__init__(lm)
        self.decoder = lm.base.get_decoder()

    def forward(
        self, embedded: torch.Tensor, positions: torch.Tensor, *masks: torch.Tensor
    ) -> torch.Tensor:
        return self.decoder(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=self._masks(masks),
            use_cache=False,
        ).last_hidden_state


class CachedBody(Body):
    """Goes on behind the keys and values of earlier passes, and returns those of this one."""

    def __init__(self, lm: LanguageModel, layers: tuple[LayerShape, ...]) -> None:
        super().__init__(lm)
        self._capture = _Capture()
        # The same weights under another head, which keeps what it reads.
        self.model = copy.copy(lm.base)
        self.model._modules = dict(lm.base._modules)
        for name, part in lm.base._modules.items():
            if part is not None and name != lm.base.base_model_prefix:
                self.model._modules[name] = copy.deepcopy(part)  # perhaps with the head inside
        self.model.set_output_embeddings(self._capture)
        rows, _, past = _EXAMPLE
        for i, shape in enumerate(layers):
            for values in (False, True):
                size = shape.value_size if values else shape.key_size
                self.inputs.append(past_name(i, values))
                self.outputs.append(new_name(i, values))
                self.axes[past_name(i, values)] = {0: "rows", 2: "past"}
                self.axes[new_name(i, values)] = {0: "rows", 2: "new"}
                self.example.append(torch.randn(rows, shape.heads, past, size))

    def forward(
        self, embedded: torch.Tensor, positions: torch.Tensor, *rest: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        n_masks = 2 if self.mixed else 1
        past = rest[n_masks:]
        cache = DynamicCache()
        for i in range(0, len(past), 2):
            cache.update(past[i], past[i + 1], i // 2)
        self.model(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=self._masks(rest[:n_masks]),
            past_key_values=cache,
            use_cache=True,
        )
        before = past[0].shape[2]
        layers: Any = cache.layers
        new = [a[:, :, before:] for layer in layers for a in (layer.keys, layer.values)]
        return (self._capture.states, *new)


class WordsBody(nn.Module):
    """The `WordEncoder`, whose padding is told by booleans."""

    def __init__(self, words: nn.Module) -> None:
        super().__init__()
        self.words = words

    def forward(self, hashes: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return self.words(hashes, real.to(torch.float32))


class _Capture(nn.Module):
    """Stands for an output head."""

    states: torch.Tensor
    bias = None

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        self.states = states
        return states[..., :1]


def layer_shapes(lm: LanguageModel) -> tuple[LayerShape, ...]:
    """What each layer keeps of a pass, by a pass of one token."""
    cache = DynamicCache()
    with torch.inference_mode():
        ids = torch.zeros(1, 1, dtype=torch.long)
        lm.base(input_ids=ids, past_key_values=cache, use_cache=True)
    layers: Any = cache.layers
    return tuple(
        LayerShape(layer.keys.shape[1], layer.keys.shape[3], layer.values.shape[3])
        for layer in layers
    )


def _added(mask: torch.Tensor) -> torch.Tensor:
    low = torch.finfo(torch.float32).min
    return torch.where(mask, 0.0, low)
