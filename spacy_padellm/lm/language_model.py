"""A causal LM with its tokenizer, as decoder and trainer use it. Knows nothing of labels."""

import copy
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..cached import cached_property
from ..prompts.encoding import TextPrompt
from .choices import Choices
from .passes import ModelPasses
from .pointers import Pointers
from .pointing import PointingModel, point
from .pointing_batch import CPU_TOKENS
from .primitive_caches import limit_primitive_caches
from .row_session import RowSession
from .session import AskedLabels, Method, Session
from .static_passes import StaticPasses
from .tree_session import TreeSession

limit_primitive_caches()
logger = logging.getLogger(__name__)


@dataclass
class LanguageModel(ModelPasses):
    """A loaded model.

    name: what the user called it, for messages. rows_cached: whether its KV cache can be repeated
    row by row; this and `tree` are found by the self-check (`selfcheck.py`). quantized: whether
    weights were rounded to a few bits. gathered: its weights for saving, where the model holds but
    a part of them. pointers: of a model that was trained to point at mentions.
    """

    tokenizer: Any
    name: str = "model"
    rows_cached: bool = True
    quantized: bool = False
    gathered: Mapping[str, torch.Tensor] | None = None
    pointers: Pointers | None = None

    @property
    def max_positions(self) -> int | None:
        """The longest sequence the model was made for, in tokens."""
        for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
            if isinstance(value := getattr(self.config, name, None), int):
                return value
        return None

    @property
    def points(self) -> bool:
        return self.pointers is not None

    @cached_property
    def trained(self) -> nn.Module:
        """All that can be trained: the model, with its pointers where it has some."""
        return self.model if self.pointers is None else PointingModel(self.model, self.pointers)

    def pointer_logits(
        self,
        prompts: Sequence[TextPrompt],
        asked: AskedLabels,
        bidirectional: bool,
        drop: float = 0.0,
    ) -> torch.Tensor:
        """Logits [tokens, 2, labels], float32, of all texts, one behind the other: of a mention
        that begins, and one that ends. drop: of training."""
        runner = self.trained if self.wrapped is None else self.wrapped
        return point(self, runner, prompts, asked, bidirectional, drop)

    @property
    def pointing_tokens(self) -> int:
        """Up to how many tokens, padding included, one pass that points is the faster for more."""
        return CPU_TOKENS if self.device.type == "cpu" else sys.maxsize

    @property
    def training_tokens(self) -> int:
        """As `pointing_tokens`, of a pass of training: on a CPU, more take memory only."""
        return self.pointing_tokens

    @torch.inference_mode()
    def point_at(
        self, prompts: Sequence[TextPrompt], asked: AskedLabels, bidirectional: bool
    ) -> list[np.ndarray]:
        """Probabilities, text by text (`SessionModel`)."""
        found = self.pointer_logits(prompts, asked, bidirectional).sigmoid().cpu().numpy()
        sizes = [len(prompt.encoded.ids) for prompt in prompts]
        return np.split(found, np.cumsum(sizes)[:-1])

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
        if self.pointers is not None:
            copied.pointers = copy.deepcopy(self.pointers).to(device)
            copied.pointers.kept.clear()  # on the other device
            copied.trained.eval()
        if self.static:
            copied.compile(self.static.compiled)
        return copied

    def forget(self) -> None:
        """What was computed with weights that have changed."""
        self.preambles.forget()
        if self.pointers is not None:
            self.pointers.kept.clear()

    def widen(self) -> None:
        """16-bit weights go to float32, as all must that are trained: small steps of AdamW are lost
        in them, and those of float16 turn to nan."""
        if self.dtype not in (torch.float16, torch.bfloat16):
            return
        logger.info("all weights are trained: they go from %s to float32", self.dtype)
        self.model.float()
        self.forget()
        if self.static:
            self.compile(self.static.compiled)

    def compile(self, compiled: bool = True) -> None:
        """Tree passes run in fixed shapes from now on, compiled at first use.

        To be called again where weights change their dtype or modules are replaced. Raises
        RuntimeError where transformers is too old for it.
        """
        self.static = StaticPasses(self.base, self.device, compiled)

    def open_session(
        self, prompts: Sequence[TextPrompt], method: Method, bidirectional: bool, choices: Choices
    ) -> Session:
        """A session for a batch (`SessionModel`)."""
        if method == "tree":
            return TreeSession(self, prompts, bidirectional, choices)
        share, cached = method == "rows", self.rows_cached
        return RowSession(self, prompts, bidirectional, share, cached, choices)

    def prepare(self) -> None:
        """Readies the model for decoding."""
        self.trained.eval()

    def free_memory(self) -> None:
        """Gives unused memory of the device back."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
