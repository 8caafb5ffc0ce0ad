"""Deep supervision: what every token of the text is. For models made from scratch, and adapters.

Counts and mentions alone teach a small model slowly, since few targets reach back to the words
that decide them. While it trains, two linear heads read middle layers at the text's own tokens:
the first says which label's mention a token begins or continues, the second, a layer later,
the index of that mention among its label's. The heads are dropped after training; what they
have taught is in the weights that decode.

Intermediate supervision: Lee et al., Deeply-Supervised Nets, 2015.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...learning.batch import TrainingBatch
from ...learning.examples import TrainingText
from ...lm.language_model import LanguageModel

IGNORED = -100


class TaggingHeads(nn.Module):
    """Two linear heads on the hidden states of two layers.

    labels: those that are tagged; mentions of others count as outside. layers: which layers
    (from 0) the tag and the index are read from; middle and the one after it by default.
    max_index: higher indices are the last class. weight: of this loss against the model's own,
    both as means over their targets.

    Raises ValueError where the model has no list of layers, or too few.
    """

    def __init__(
        self,
        lm: LanguageModel,
        labels: Sequence[str],
        layers: tuple[int, int] | None = None,
        max_index: int = 8,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        blocks = getattr(lm.model.get_decoder(), "layers", None)
        if blocks is None:
            kind = type(lm.model.get_decoder()).__name__
            raise ValueError(f"tagging heads need a model with `layers`; {kind} has none")
        at = layers or ((len(blocks) - 1) // 2, (len(blocks) + 1) // 2)
        if max(at) >= len(blocks):
            raise ValueError(f"the model has {len(blocks)} layers; {max(at)} is not one of them")
        width = lm.config.hidden_size
        self.labels = {label: i for i, label in enumerate(labels)}
        self.max_index = max_index
        self.weight = weight
        self.tag = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1 + 2 * len(labels)))
        self.index = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, max_index))
        self.to(lm.device)
        self._hidden: dict[str, torch.Tensor] = {}
        self._hooks = [
            blocks[layer].register_forward_hook(self._keep(name))
            for name, layer in zip(("tag", "index"), at, strict=True)
        ]

    def _keep(self, name: str) -> Any:
        def hook(_module: nn.Module, _args: Any, output: Any) -> None:
            if torch.is_grad_enabled():  # not while decoding
                self._hidden[name] = output[0] if isinstance(output, tuple) else output

        return hook

    def __enter__(self) -> "TaggingHeads":
        """The heads read the model until `close`, or the end of a `with` block."""
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the model as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hidden.clear()

    def loss(self, batch: TrainingBatch) -> torch.Tensor:
        """Weighted loss (mean nats a token) for the pass that the model has just run."""
        tags, indices = self._targets(batch.texts)
        if len(tags) != len(batch.text_rows):
            raise ValueError(
                "tagging heads need texts that stand whole before the label, in packed rows: "
                "use the template 'compact' or 'plain'"
            )
        losses: list[torch.Tensor] = []
        for name, head, targets in (("tag", self.tag, tags), ("index", self.index, indices)):
            hidden = self._hidden[name][batch.text_rows, batch.text_columns]
            goal = torch.tensor(targets, device=hidden.device)
            asked = goal != IGNORED
            if asked.any():
                losses.append(F.cross_entropy(head(hidden[asked].float()), goal[asked]))
        self._hidden.clear()
        return self.weight * sum(losses, torch.zeros(()))

    def _targets(self, texts: Sequence[TrainingText]) -> tuple[list[int], list[int]]:
        """For all text tokens of all texts: outside 0, begin 1 + 2 label, inside 2 + 2 label;
        and the mention's index from 0, ignored outside mentions."""
        tags: list[int] = []
        indices: list[int] = []
        for text in texts:
            tag = [0] * len(text.prompt.encoded.ids)
            index = [IGNORED] * len(tag)
            for mention in text.mentions:
                if mention.label not in self.labels:
                    continue
                begin = 1 + 2 * self.labels[mention.label]
                inside = range(mention.start, mention.end)
                for at in inside:
                    tag[at] = begin + (at > mention.start)
                    index[at] = min(mention.index, self.max_index) - 1
            tags += tag
            indices += index
        return tags, indices
