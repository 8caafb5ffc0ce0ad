"""The tokens of a template in a model that was not made for them."""

from dataclasses import replace

import torch
from tokenizers import AddedToken

from ..lm.language_model import LanguageModel
from .load_turn import load_turn
from .loaded_model import LoadedModel

SPREAD = 0.02  # of new rows around the mean, so that they differ from the start


@load_turn()
def add_special_tokens(
    loaded: LoadedModel[LanguageModel], labels: tuple[str, ...]
) -> LoadedModel[LanguageModel]:
    """The model with the tokens that its template needs for these labels.

    Their rows of the embeddings begin near the mean of all others, the same every time. A model
    that knows all tokens is returned as it is.

    Raises ValueError for one with an adapter that does not know them.
    """
    wanted = loaded.template.special_tokens(labels, loaded.settings.max_count)
    tokenizer = loaded.lm.tokenizer
    known = tokenizer.get_vocab()
    missing = [token for token in wanted if token not in known]
    structure = loaded.template.special_tokens((), loaded.settings.max_count)
    if not set(missing) & set(structure):
        return loaded  # a label without a token of its own is spelled
    if loaded.lm.adapter:
        raise ValueError(
            f"the adapter was not trained with the tokens of the template "
            f"{loaded.template.name!r}, and cannot learn them any more: leave model.template out, "
            f"or leave out `adapter`"
        )
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in missing])
    model = loaded.lm.model
    ids = tokenizer.convert_tokens_to_ids(missing)
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    old = min(ids)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for module in (model.get_input_embeddings(), model.get_output_embeddings()):
            if module is None:
                continue
            weight = module.weight
            mean = weight[:old].float().mean(dim=0)
            noise = torch.randn(len(ids), weight.shape[1], generator=generator).to(weight.device)
            scale = SPREAD * weight[:old].float().std()
            weight[ids] = (mean + scale * noise).to(weight.dtype)
    return replace(loaded, new_tokens=tuple(ids))
