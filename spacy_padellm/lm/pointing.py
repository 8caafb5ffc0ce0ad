"""One pass of a language model over texts, and where its pointers point in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..prompts.encoding import TextPrompt
from ..prompts.words import N_FEATURES, words_of
from .dropout import residual_dropout
from .language_model import LanguageModel
from .pointers import Pointers


@dataclass(frozen=True, eq=False)
class PointingBatch:
    """Texts side by side, padded on the right. All but `prompts`: [texts, columns], `words` and
    `hashes` with a column a word. asked: their labels' prompts."""

    prompts: Sequence[TextPrompt]
    ids: torch.Tensor
    real: torch.Tensor
    hashes: torch.Tensor
    word_of: torch.Tensor
    inside: torch.Tensor


def pointing_batch(prompts: Sequence[TextPrompt], device: torch.device) -> PointingBatch:
    """inside: which columns are tokens of the text itself."""
    words = [words_of(prompt.encoded) for prompt in prompts]
    rows, columns = len(prompts), max(len(prompt.trunk) for prompt in prompts)
    ids = np.zeros((rows, columns), dtype=np.int64)
    real = np.zeros((rows, columns), dtype=bool)
    inside = np.zeros((rows, columns), dtype=bool)
    hashes = np.zeros((rows, max(len(w.hashes) for w in words), N_FEATURES), dtype=np.int64)
    word_of = np.zeros((rows, columns), dtype=np.int64)
    for row, (prompt, of_text) in enumerate(zip(prompts, words, strict=True)):
        ids[row, : len(prompt.trunk)] = prompt.trunk
        real[row, : len(prompt.trunk)] = True
        text = slice(prompt.text_start, prompt.text_start + len(prompt.encoded.ids))
        inside[row, text] = True
        hashes[row, : len(of_text.hashes)] = of_text.hashes
        word_of[row, text] = of_text.of_token
    arrays = (torch.from_numpy(a).to(device) for a in (ids, real, hashes, word_of, inside))
    return PointingBatch(prompts, *arrays)


def point(
    lm: LanguageModel,
    pointers: Pointers,
    batch: PointingBatch,
    labels: Sequence[str],
    label_prompts: Sequence[Sequence[int]],
    bidirectional: bool,
    drop: float = 0.0,
) -> torch.Tensor:
    """Logits [tokens, 2, labels], float32, of all texts' tokens, one text behind the other.

    label_prompts: ids that ask for each label. bidirectional: tokens of a text see each other
    both ways. drop: of training, on whole tokens, layers and words.
    """
    decoder = lm.model.get_decoder()
    with lm.few_threads(batch.ids.numel()), lm.own_turn(), residual_dropout(decoder, drop):
        queries = _queries(lm, pointers, labels, label_prompts)
        words = pointers.words(batch.hashes, drop)
        width = words.shape[-1]
        of_token = words.gather(1, batch.word_of[..., None].expand(-1, -1, width))
        of_token = of_token * batch.inside[..., None]
        embedded = lm.model.get_input_embeddings()(batch.ids)
        if drop:
            embedded = embedded * (torch.rand_like(embedded[..., :1]) >= drop)
        embedded = embedded + pointers.into(of_token).to(embedded.dtype)
        hidden = decoder(
            inputs_embeds=embedded,
            attention_mask=_mask(lm, batch.real) if bidirectional else batch.real.long(),
            use_cache=False,
        ).last_hidden_state
        tokens, words = hidden[batch.inside].float(), of_token[batch.inside].float()
        return pointers.scores(tokens, words, queries, drop).float()


def _mask(lm: LanguageModel, real: torch.Tensor) -> torch.Tensor:
    """Each token sees all of its text; padding sees itself, so that no row is masked whole."""
    seen = real[:, None, :] & real[:, :, None]
    allowed = seen | torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
    return lm.mask_tensor(allowed[:, None].cpu().numpy())


def _queries(
    lm: LanguageModel,
    pointers: Pointers,
    labels: Sequence[str],
    label_prompts: Sequence[Sequence[int]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each label, by its prompt alone; kept while the weights stay as they are."""
    key = (tuple(labels), *map(tuple, label_prompts))
    if (found := pointers.kept.get(key)) is not None:
        return found
    most = max(map(len, label_prompts))
    ids = torch.tensor([[*ids, *[ids[-1]] * (most - len(ids))] for ids in label_prompts])
    lasts = torch.tensor([len(ids) - 1 for ids in label_prompts], device=lm.device)
    states = lm.model.get_decoder()(input_ids=ids.to(lm.device), use_cache=False)
    hidden = states.last_hidden_state[torch.arange(len(ids), device=lm.device), lasts].float()
    queries = pointers.queries(hidden, labels)
    if not torch.is_grad_enabled():
        pointers.kept[key] = queries
    return queries
