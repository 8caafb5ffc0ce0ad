"""What a continued run has otherwise than it had when it was begun."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...lm.language_model import LanguageModel


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of settings with other values, such as "components.padellm_ner.model.peft.rank"."""
    had, has = dict(_flat(before)), dict(_flat(now))
    return [name for name in {**has, **had} if had.get(name) != has.get(name)]


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif value is not None:  # a block that is left out is the same as one of nothing
            yield above + name, value


def weights_digest(lm: LanguageModel) -> str:
    """Of what a checkpoint has: names and shapes of the weights that are trained, and which labels
    have vectors of their own, in their order."""
    shapes = [(name, *w.shape) for name, w in lm.trained.named_parameters() if w.requires_grad]
    own = [] if lm.pointers is None else list(lm.pointers.labels)
    return hashlib.sha256(json.dumps([sorted(shapes), own]).encode("utf8")).hexdigest()
