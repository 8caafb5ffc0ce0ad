"""A causal LM runs: passes of a tree or of rows, with a cache, and logits where they are asked for.

Knows Hugging Face models: mask forms, the KV cache, the output head, threads and turns.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from ..cached import cached_property
from ..prompts.tree import Bools, Ints, TreePass
from .answers import read_answers
from .choices import Choices
from .head import HeadReads
from .kept_preambles import KeptPreambles
from .logit_tensor import LogitTensor
from .session import Answer, Question
from .static_passes import StaticPasses, StaticSlot, pass_width

SMALL_PASS = 2.5e8  # floating-point operations, some milliseconds on one core


@dataclass
class ModelPasses:
    """What a session asks of the model that opened it.

    tree: whether a tree mask is exact for this model. static: runs tree passes in fixed shapes
    (`compile`). adapter: the name of its adapter in peft, None for a model without one. turn: held
    while the model runs, by whoever shares it. wrapped: called instead of `model`, the same model
    as it runs in several processes. preambles: of these weights; what is made of it by `replace`
    begins without.
    """

    model: Any
    tree: bool = field(default=True, kw_only=True)
    static: StaticPasses | None = field(default=None, kw_only=True)
    adapter: str | None = field(default=None, kw_only=True)
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext, kw_only=True)
    wrapped: Any = field(default=None, kw_only=True)
    preambles: KeptPreambles = field(default_factory=KeptPreambles, init=False, repr=False)

    @property
    def base(self) -> Any:
        """The model of transformers; layers of an adapter are in it."""
        return self.model.get_base_model() if self.adapter else self.model

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

    @cached_property
    def takes_positions(self) -> bool:
        """Alibi models count positions by the mask."""
        return "position_ids" in inspect.signature(self.base.forward).parameters

    def new_cache(self) -> DynamicCache:
        """A plain cache: one built from the config would crop sliding layers by column."""
        return DynamicCache()

    def open_cache(self, rows: int, columns: int, preamble: Any | None = None) -> Any:
        """A cache for the passes of one tree; `close_cache` gives it back.

        columns: how many are expected. preamble: a cache of one row, which all rows begin with.
        """
        if self.static:
            return self.static.open(rows, columns, preamble)
        if preamble is None:
            return self.new_cache()
        return self.select_rows(preamble, np.zeros(rows, dtype=np.int64))

    def close_cache(self, cache: Any) -> None:
        if self.static and isinstance(cache, StaticSlot):
            self.static.close(cache)

    def select_rows(self, cache: Any, rows: Ints) -> DynamicCache:
        """A cache of these rows of another, some perhaps several times."""
        index = torch.as_tensor(rows)
        selected = self.new_cache()
        for i, layer in enumerate(cache.layers):
            at = index.to(layer.keys.device)
            selected.update(layer.keys[at], layer.values[at], i)
        return selected

    def decoding(self) -> AbstractContextManager[Any]:
        """Held while a session runs."""
        return torch.inference_mode()

    def read_logits(
        self, logits: torch.Tensor, questions: Sequence[Question], choices: Choices
    ) -> list[Answer]:
        """Answers each question by its row of logits, [questions, choices]."""
        return read_answers(LogitTensor(logits), questions, choices)

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
            if not self.takes_positions:
                del inputs["position_ids"]
            with self.few_threads(taken.ids.size):
                return static.run(inputs, cache, rows, columns, choices)  # type: ignore[arg-type]
        return self.forward(inputs, cache, rows, columns, choices)

    def causal_pass(
        self,
        ids: Ints,
        known: Bools,
        positions: Ints,
        cache: Any | None,
        rows: Ints,
        columns: Ints,
        choices: Ints | None = None,
    ) -> torch.Tensor:
        """As `tree_pass`, of sequences without a mask of ours, padded on the right (`Passes`)."""
        inputs = {"input_ids": torch.from_numpy(ids).to(self.device)}
        if cache is not None:
            inputs["attention_mask"] = torch.from_numpy(known.astype(np.int64)).to(self.device)
            inputs["position_ids"] = torch.from_numpy(positions).to(self.device)
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
        if not self.takes_positions:  # alibi models count positions by the mask
            inputs = {k: v for k, v in inputs.items() if k != "position_ids"}
        places = inputs["input_ids"].numel()
        reads = HeadReads(self.model.get_output_embeddings(), rows, columns, choices)
        model = self.model if self.wrapped is None else self.wrapped
        with self.few_threads(places), self.turn, reads:
            output = model(**inputs, past_key_values=cache, use_cache=cache is not None)
        return reads.take(output.logits).float()

    @cached_property
    def n_weights(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())

    @contextmanager
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
