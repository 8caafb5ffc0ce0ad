"""Pointers of a model: added before training, kept beside its weights."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..lm.language_model import LanguageModel
from ..lm.pointers import Pointers
from .files.header import read_header
from .files.json_file import broken
from .files.pointer_sizes import KEY, POINTERS, read_sizes
from .files.rounded import read_rounded
from .hardware import Hardware
from .loaded_model import LoadedModel
from .place import ModelPlace
from .special_tokens import add_special_tokens

WINDOW = 256  # tokens, where the component names no window of its own


def add_pointers(
    loaded: LoadedModel[LanguageModel],
    labels: tuple[str, ...],
    own: tuple[str, ...] | None = None,
    both_ways: bool = True,
) -> LoadedModel[LanguageModel]:
    """The model with the tokens of its template, and pointers that can be trained for these labels.

    own: those that get vectors of their own, all by default; the others are known by their names.
    both_ways: texts are read both ways from now on, where the model takes it and the template does
    not say `repeat_text`. The few weights of an adapter make a causal LM read so from thousands of
    texts, not from few. What goes on to read causally, and names no template, reads texts twice.

    Pointers that it has keep what they know: of words, and of labels that are among these.

    Raises ValueError for a template that tokenises text and prompt as one, and for a model that is
    spread over devices.
    """
    template = loaded.template
    check_whole(loaded.source.hardware)
    if template.joint:
        raise ValueError(
            f"pointers need labels that are asked apart from the text, and template "
            f"{template.name!r} is joint: set model.pointers to false, or model.template to "
            f"'plain' or 'compact'"
        )
    loaded = add_special_tokens(loaded, labels)
    lm = loaded.lm
    before = lm.pointers
    pointers = Pointers(lm.config.hidden_size, labels if own is None else own)
    if before is not None:
        _take_over(pointers, before)
    if both_ways and lm.tree and not template.repeat_text:
        template = replace(template, bidirectional=True)
    elif loaded.settings.template is None:
        template = replace(template, repeat_text=not template.bidirectional)
    settings = replace(
        loaded.settings, template=template, calibration=None, window=WINDOW, start_threshold=None
    )
    return replace(
        loaded, lm=replace(lm, pointers=pointers.to(lm.device).eval()), settings=settings
    )


def check_whole(hardware: Hardware) -> None:
    """Raises ValueError for a model that is spread over devices."""
    if hardware.device_map is not None:
        raise ValueError(
            f"model.device_map is {hardware.device_map!r}, and a model that points is on one "
            f"device: set device_map to null"
        )


def _take_over(pointers: Pointers, before: Pointers) -> None:
    known = {k: v for k, v in before.state_dict().items() if not k.startswith(("own.", "bias."))}
    pointers.load_state_dict(known, strict=False)
    with torch.no_grad():
        pointers.own.weight.zero_()  # the label's name is enough to begin with
        for i, label in enumerate(pointers.labels):
            if label in before.labels:
                at = before.labels.index(label)
                pointers.own.weight[i] = before.own.weight[at]
                pointers.bias.weight[i] = before.bias.weight[at]


def save_pointers(pointers: Pointers, folder: Path) -> None:
    weights = {name: weight.contiguous().cpu() for name, weight in pointers.state_dict().items()}
    about = json.dumps(pointers.config, ensure_ascii=False)
    save_file(weights, folder / POINTERS, {KEY: about, "format": "pt"})


def read_pointers(place: ModelPlace, hidden: int) -> Pointers | None:
    """None where the model has none. hidden: width of the language model.

    Raises ValueError naming the file for one that is broken, or belongs to another model.
    """
    path = place.file(POINTERS)
    if path is None:
        return None
    sizes = read_sizes(read_header(path), hidden)
    weights = read_rounded(path)
    into = weights.get("into.weight", torch.empty(0))
    if into.shape == (sizes.hidden, sizes.width) and sizes.depth <= len(weights):
        pointers = Pointers(sizes.hidden, sizes.labels, sizes.width, sizes.depth)
        wanted = {name: weight.shape for name, weight in pointers.state_dict().items()}
        if wanted == {name: weight.shape for name, weight in weights.items()}:
            pointers.load_state_dict(weights)
            return pointers.eval()
    raise ValueError(broken(path, "its weights are not those that it says it has"))
