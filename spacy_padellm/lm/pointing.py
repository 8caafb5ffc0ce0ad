"""One pass of a language model over texts, and where its pointers point in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..prompts.encoding import TextPrompt
from .attention import plain_attention
from .dropout import residual_dropout
from .passes import ModelPasses
from .pointers import Pointers
from .pointing_batch import MOST_KEPT, PointingBatch, pointing_batch, seen
from .session import AskedLabels


def on_device(
    batch: PointingBatch[np.ndarray], device: torch.device
) -> PointingBatch[torch.Tensor]:
    """The same as tensors."""
    arrays = {name: torch.from_numpy(array).to(device) for name, array in vars(batch).items()}
    return PointingBatch(**arrays)


class PointingModel(nn.Module):
    """A language model with its pointers, trained as one. model: a causal LM.

    Its `state_dict` has what is trained, and no weight twice: a checkpoint needs no more.
    """

    def __init__(self, model: Any, pointers: Pointers) -> None:
        super().__init__()
        self.model = model
        self.pointers = pointers
        self.checkpointing = False
        self.register_state_dict_post_hook(_leave_out_untrained)

    def gradient_checkpointing_enable(self, *arguments: Any, **options: Any) -> None:
        """As of a model of transformers. Layers have no dropout of ours then: they are run again
        for the gradients, and would draw anew."""
        self.model.gradient_checkpointing_enable(*arguments, **options)
        self.checkpointing = True

    def activation_checkpointing_enable(self, *arguments: Any, **options: Any) -> None:
        """What newer releases of transformers call it."""
        self.model.activation_checkpointing_enable(*arguments, **options)
        self.checkpointing = True

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """What is not trained stays as it is. Raises KeyError, where `strict`, for other weights
        than those that are trained."""
        found = super().load_state_dict(state_dict, strict=False, assign=assign)
        self.pointers.kept.clear()
        trained = _trained_names(self)
        missing = [name for name in found.missing_keys if name in trained]
        if strict and (missing or found.unexpected_keys):
            raise KeyError(f"not the weights of this model: {[*missing, *found.unexpected_keys]}")
        return type(found)(missing, found.unexpected_keys)

    def forward(
        self,
        batch: PointingBatch[torch.Tensor],
        asked: AskedLabels,
        mask: torch.Tensor,
        positions: torch.Tensor | None = None,
        drop: float = 0.0,
    ) -> torch.Tensor:
        """Logits [tokens, 2, labels], float32, of all texts' tokens, one text behind the other.

        mask: which tokens see which, as the attention in use understands it. positions: [texts,
        columns], None for a model that counts them itself. drop: of training, on words and on what
        is compared; where all weights are trained, also on whole tokens and on layers, which an
        adapter could not make up for.
        """
        decoder, pointers = self.model.get_decoder(), self.pointers
        weight = self.model.get_input_embeddings().weight
        whole = drop if weight.requires_grad else 0.0
        dropped = 0.0 if self.checkpointing else whole
        plain = batch.ids.device.type == "cpu" and not self.checkpointing
        with residual_dropout(decoder, dropped), plain_attention(plain):
            queries = self._queries(decoder, asked)
            of_token, embedded = self.embed(batch, drop, whole)
            placed = {} if positions is None else {"position_ids": positions}
            states = decoder(inputs_embeds=embedded, attention_mask=mask, use_cache=False, **placed)
        hidden = states.last_hidden_state[batch.inside].float()
        return pointers.scores(hidden, of_token[batch.inside].float(), queries, drop).float()

    def embed(
        self, batch: PointingBatch[torch.Tensor], drop: float = 0.0, drop_tokens: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the words of each token give it [texts, columns, size], and what the decoder reads
        [texts, columns, width]. drop_tokens: the share whose embeddings are left out."""
        pointers = self.pointers
        words = pointers.words(batch.hashes, batch.words, drop)
        at = batch.word_of[..., None].expand(-1, -1, words.shape[-1])
        of_token = words.gather(1, at) + pointers.pieces(batch.pieces)
        of_token = of_token * batch.inside[..., None]
        embedded = self.model.get_input_embeddings()(batch.ids)
        if drop_tokens:
            embedded = embedded * (torch.rand_like(embedded[..., :1]) >= drop_tokens)
        return of_token, embedded + pointers.into(of_token).to(embedded.dtype)

    def _queries(self, decoder: Any, asked: AskedLabels) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each label, by its prompt alone; kept while the weights stay as they are."""
        kept = self.pointers.kept
        if not torch.is_grad_enabled() and (found := kept.get(asked)) is not None:
            return found
        device = self.model.get_input_embeddings().weight.device
        most = max(map(len, asked.prompts))
        # Padded on the right, which nothing looks at.
        ids = torch.tensor([[*ids, *[ids[-1]] * (most - len(ids))] for ids in asked.prompts])
        lasts = torch.tensor([len(ids) - 1 for ids in asked.prompts])
        states = decoder(input_ids=ids.to(device), use_cache=False).last_hidden_state
        hidden = states[torch.arange(len(ids)), lasts].float()
        queries = self.pointers.queries(hidden, asked.labels)
        if not (self.training or torch.is_grad_enabled()):
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[asked] = queries
        return queries


def point(
    lm: ModelPasses,
    runner: Any,
    prompts: Sequence[TextPrompt],
    asked: AskedLabels,
    bidirectional: bool,
    drop: float = 0.0,
) -> torch.Tensor:
    """As `PointingModel`, for texts. runner: the PointingModel, or what stands for it where it
    runs in several processes. bidirectional: tokens of a text see each other both ways."""
    read = pointing_batch(prompts)
    batch = on_device(read, lm.device)
    mask = lm.mask_tensor(seen(read.real, True)[:, None]) if bidirectional else batch.real.long()
    positions = torch.arange(batch.ids.shape[1], device=lm.device).expand_as(batch.ids)
    with lm.few_threads(batch.ids.numel()), lm.turn:
        return runner(batch, asked, mask, positions if lm.takes_positions else None, drop)


def _leave_out_untrained(
    module: nn.Module, state: dict[str, Any], prefix: str, _metadata: Any
) -> None:
    trained = {prefix + name for name in _trained_names(module)}
    for name in [name for name in state if name.startswith(prefix) and name not in trained]:
        del state[name]


def _trained_names(module: nn.Module) -> set[str]:
    """Of tied weights, one name."""
    return {name for name, weight in module.named_parameters() if weight.requires_grad}
