"""A causal LM with its tokenizer, as decoder and trainer use it: passes of a tree, or of rows.

Knows Hugging Face models: mask forms, the KV cache, the output head. Knows nothing of labels.
"""

import contextlib
import copy
import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from ..prompts.encoding import TextPrompt
from ..prompts.tree import Ints, TreePass
from .choices import Choices
from .head import HeadReads
from .row_session import RowSession
from .session import Method, Session
from .static_passes import StaticPasses, StaticSlot, pass_width
from .tree_session import TreeSession

logger = logging.getLogger(__name__)

# These take a 4-D mask and ignore it, wholly or in some layers: their answer would be silently
# wrong. What fails loudly, or is not known, is found by the self-check.
IGNORES_TREE_MASK = frozenset(
    {"mpt", "gpt_neo", "llama4", "llama4_text", "rwkv", "qwen3_next", "lfm2", "lfm2_moe", "lfm3"}
)
SMALL_PASS = 2.5e8  # floating-point operations, some milliseconds on one core
MASKED_ATTENTION = ("sdpa", "eager")


@dataclass
class LanguageModel:
    """A loaded model.

    name: what the user called it, for messages. tree: whether a tree mask is exact for this
    model, and rows_cached: whether its KV cache can be repeated row by row, as found by the
    self-check (`selfcheck.py`). static: runs tree passes in fixed shapes (`compile`).
    quantized: whether weights were rounded to a few bits.

    adapter: the name of its adapter in peft. turn: held while the model runs where components
    share a base, each with an adapter of its own. wrapped: called instead of `model`, the same
    model as it runs in several processes. gathered: its weights for saving, where the model holds
    but a part of them.
    """

    model: Any
    tokenizer: Any
    name: str = "model"
    tree: bool = True
    rows_cached: bool = True
    static: StaticPasses | None = None
    quantized: bool = False
    adapter: str | None = None
    turn: Any = None
    wrapped: Any = None
    gathered: Mapping[str, torch.Tensor] | None = None

    @property
    def config(self) -> Any:
        return self.model.config.get_text_config()

    @property
    def device(self) -> torch.device:
        return self.model.get_input_embeddings().weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.get_input_embeddings().weight.dtype

    @property
    def attention(self) -> str:
        return getattr(self.config, "_attn_implementation", None) or "eager"

    @property
    def window(self) -> int | None:
        """Sliding-window size in positions, None where every layer sees everything."""
        kinds = getattr(self.config, "layer_types", None)
        if kinds and "sliding_attention" not in kinds:
            return None
        return getattr(self.config, "sliding_window", None)

    @property
    def mixes_windows(self) -> bool:
        """Whether some layers have the window and others do not."""
        kinds = set(getattr(self.config, "layer_types", None) or ())
        return self.window is not None and len(kinds) > 1

    @property
    def max_positions(self) -> int | None:
        """The longest sequence the model was made for, in tokens."""
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
            if isinstance(value := getattr(self.config, name, None), int):
                return value
        return None

    @cached_property
    def _takes_positions(self) -> bool:
        model = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        return "position_ids" in inspect.signature(model.forward).parameters

    def new_cache(self) -> DynamicCache:
        """A plain cache: one built from the config would crop sliding layers by column."""
        return DynamicCache()

    def copy_to(self, device: torch.device) -> "LanguageModel":
        """The same model with weights of its own on another device."""
        # Copied tensor by tensor: there may be no room for two on the first device.
        tensors = [*self.model.parameters(), *self.model.buffers()]
        known: dict[int, Any] = {}
        for tensor in tensors:
            moved = tensor.detach().to(device, copy=True)
            is_weight = isinstance(tensor, torch.nn.Parameter)
            known[id(tensor)] = torch.nn.Parameter(moved, False) if is_weight else moved
        copied = replace(self, model=copy.deepcopy(self.model, known).eval(), static=None)
        if self.static:
            copied.compile(self.static.compiled)
        return copied

    def widen(self) -> None:
        """16-bit weights go to float32, as all must that are trained: small steps of AdamW are lost
        in them, and those of float16 turn to nan."""
        if self.dtype not in (torch.float16, torch.bfloat16):
            return
        logger.info("all weights are trained: they go from %s to float32", self.dtype)
        self.model.float()
        if self.static:
            self.compile(self.static.compiled)

    def compile(self, compiled: bool = True) -> None:
        """Tree passes run in fixed shapes from now on, compiled at first use.

        To be called again where weights change their dtype or modules are replaced. Raises
        RuntimeError where transformers is too old for it.
        """
        self.static = StaticPasses(self.model, self.device, compiled)

    def open_session(
        self,
        prompts: Sequence[TextPrompt],
        method: Method,
        bidirectional: bool,
        choices: Choices,
    ) -> Session:
        """A session for a batch (`SessionModel`)."""
        if method == "tree":
            return TreeSession(self, prompts, bidirectional, choices)
        share, cached = method == "rows", self.rows_cached
        return RowSession(self, prompts, bidirectional, share, cached, choices)

    def free_memory(self) -> None:
        """Gives unused memory of the device back."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def open_cache(self, rows: int, columns: int) -> Any:
        """A cache for the passes of one tree; `close_cache` gives it back.

        columns: how many are expected.
        """
        return self.static.open(rows, columns) if self.static else self.new_cache()

    def close_cache(self, cache: Any) -> None:
        if self.static and isinstance(cache, StaticSlot):
            self.static.close(cache)

    def pass_width(self, nodes: int) -> int:
        """How wide a pass of so many nodes a row must be."""
        return pass_width(nodes) if self.static else nodes

    def pass_rows(self, cache: Any, taken: TreePass) -> int:
        """How many rows the pass will have, padding included."""
        return cache.rows if isinstance(cache, StaticSlot) else taken.ids.shape[0]

    def tree_pass(
        self,
        taken: TreePass,
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> torch.Tensor:
        """Runs the nodes of a pass; returns logits [len(rows), choices] in float32.

        rows, columns: the nodes whose logits are wanted, within the pass. cache: holds the
        columns of earlier passes and takes those of this one; None in training. choices: the ids
        whose logits are wanted; None for the whole vocabulary.
        """
        static = self.static if isinstance(cache, StaticSlot) else None
        if static:
            taken = static.fit(taken, cache)  # type: ignore[arg-type]
        inputs = {
            "input_ids": torch.from_numpy(taken.ids).to(self.device),
            "position_ids": torch.from_numpy(taken.positions).to(self.device),
            "attention_mask": self._tree_mask(taken),
        }
        if static:
            if not self._takes_positions:
                del inputs["position_ids"]
            with self.few_threads(taken.ids.size):
                return static.run(inputs, cache, rows, columns, choices)  # type: ignore[arg-type]
        return self.forward(inputs, cache, rows, columns, choices)

    def row_pass(
        self, ids: Ints, rows: Ints, columns: Ints, choices: Ints | None = None
    ) -> torch.Tensor:
        """Runs plain sequences, [rows, columns], padded on the right; logits as `tree_pass`.

        No mask is needed: in a causal model nothing looks to the right, at the padding.
        """
        return self.forward(
            {"input_ids": torch.from_numpy(ids).to(self.device)}, None, rows, columns, choices
        )

    def forward(
        self,
        inputs: Mapping[str, Any],
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> torch.Tensor:
        """Runs the model; logits [len(rows), choices] in float32 at the places asked for."""
        if not self._takes_positions:  # alibi models count positions by the mask
            inputs = {k: v for k, v in inputs.items() if k != "position_ids"}
        places = inputs["input_ids"].numel()
        reads = HeadReads(self.model.get_output_embeddings(), rows, columns, choices)
        model = self.model if self.wrapped is None else self.wrapped
        with self.few_threads(places), self.own_turn(), reads:
            output = model(**inputs, past_key_values=cache, use_cache=cache is not None)
        return reads.take(output.logits).float()

    @cached_property
    def n_weights(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())

    @contextlib.contextmanager
    def few_threads(self, places: int) -> Iterator[None]:
        """One thread for a pass of little work on a CPU.

        Threads wait for each other after every layer; where another process keeps a core busy,
        that costs far more than a small pass itself.
        """
        before = torch.get_num_threads()
        if self.device.type != "cpu" or before == 1 or 2 * places * self.n_weights > SMALL_PASS:
            yield
            return
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextlib.contextmanager
    def own_turn(self) -> Iterator[None]:
        """The model with this component's adapter, where others have theirs on it."""
        if self.turn is None:
            yield
            return
        with self.turn:
            while self.turn.gone:
                name = self.turn.gone.pop()
                if len(self.model.peft_config) > 1 and name in self.model.peft_config:
                    self.model.set_adapter(self.adapter)  # peft warns where the active one goes
                    self.model.delete_adapter(name)
            if self.model.active_adapter != self.adapter:
                self.model.set_adapter(self.adapter, inference_mode=True)
            yield

    def mask_tensor(self, mask: np.ndarray) -> torch.Tensor:
        """A boolean mask in the form that the attention in use understands.

        sdpa takes booleans; eager adds the mask to the scores, and a boolean would add 1.
        """
        allowed = torch.from_numpy(mask).to(self.device)
        if self.attention == "sdpa":
            return allowed
        low = torch.finfo(self.dtype).min
        zero = torch.zeros((), dtype=self.dtype, device=self.device)
        return torch.where(allowed, zero, low)

    def _tree_mask(self, taken: TreePass) -> torch.Tensor | dict[str, torch.Tensor]:
        if taken.window_mask is None:
            return self.mask_tensor(taken.mask)
        windowed = self.mask_tensor(taken.window_mask)
        if not self.mixes_windows:
            return windowed
        return {
            "full_attention": self.mask_tensor(taken.mask),
            "sliding_attention": windowed,
        }
