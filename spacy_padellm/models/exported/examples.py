"""What a model's body reads of texts, to which products of 8-bit numbers are fitted."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ...lm.language_model import LanguageModel
from ...lm.pointing import PointingModel, on_device
from ...lm.pointing_batch import pointing_batch
from ..loaded_model import LoadedModel
from .bodies import Body

Feeds = dict[str, np.ndarray]
MOST_LABELS = 16
_OTHER_LABELS = ("name",)  # of a model without any


@torch.inference_mode()
def make_examples(
    loaded: LoadedModel[LanguageModel], body: Body, texts: Sequence[str]
) -> Iterator[Feeds]:
    """Each text alone, under one label, by the names of the body's inputs; where the model points,
    the text and then each label, as it reads these."""
    encoder, labels = loaded.encoder(), loaded.settings.labels[:MOST_LABELS] or _OTHER_LABELS
    both_ways = loaded.lm.points and encoder.template.bidirectional
    embed, pointing = loaded.lm.model.get_input_embeddings(), loaded.lm.trained
    for text in texts:
        prompt = encoder.prompt(text, labels[:1])
        if loaded.lm.points:
            if not prompt.trunk:
                continue
            batch = on_device(pointing_batch([prompt]), torch.device("cpu"))
            assert isinstance(pointing, PointingModel)
            _, embedded = pointing.embed(batch)
        else:
            embedded = embed(torch.tensor([[*prompt.trunk, *prompt.branches[0]]]))
        yield _feeds(body, embedded, both_ways)
    for label in labels if loaded.lm.points else ():
        yield _feeds(body, embed(torch.tensor([encoder.label_ids(label)])), False)


@torch.inference_mode()
def states_of(body: Body, examples: Sequence[Feeds]) -> list[np.ndarray]:
    """What comes out of the body, as torch computes it."""
    body.eval()
    found = []
    for feeds in examples:
        states = body(*(torch.from_numpy(array) for array in feeds.values()))
        found.append((states[0] if isinstance(states, tuple) else states).numpy())
    return found


def _feeds(body: Body, embedded: torch.Tensor, both_ways: bool) -> Feeds:
    n = embedded.shape[1]
    seen = torch.ones(1, 1, n, n, dtype=torch.bool)
    seen = seen if both_ways else seen.tril()
    masks = [seen, seen] if body.mixed else [seen]
    none = [array[:1, :, :0] for array in body.example[2 + len(masks) :]]
    arrays = [embedded.float(), torch.arange(n)[None], *masks, *none]
    return {name: array.numpy() for name, array in zip(body.inputs, arrays, strict=True)}
