"""An adapter's files, read onto a base: what its config says is checked before peft acts on it."""

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_type_hints

from .adapter_settings import known_methods
from .files.json_file import broken, read_checked
from .files.patterns import resolve_patterns
from .files.schemas import AdapterFile
from .files.trouble import foreign, reason
from .files.weights import check_adapter_weights
from .place import ModelPlace

if TYPE_CHECKING:  # peft takes seconds to import, which a model without adapter need not wait for
    from peft import PeftConfig, PeftModel

OWN_NAME = "default"  # peft's name for an adapter that is alone
_CONFIG = "adapter_config.json"
_numbers = itertools.count(1)


def load_adapter(model: Any, place: ModelPlace, base: str) -> "tuple[PeftModel, str]":
    """Reads an adapter onto its base, called `base`.

    model: the base, or a `PeftModel` that has adapters of others on it. Returns the model with
    its adapters and the name of the new one.

    Raises ValueError where it was made for another base, or its files are broken.
    """
    from peft import PeftModel

    there = isinstance(model, PeftModel)
    base_model = model.get_base_model() if there else model
    config = read_adapter_config(place, _module_names(base_model))
    check_adapter_weights(place, config)
    # peft looks names up as parts of others: "adapter1" would be found in "adapter10".
    name = f"adapter{next(_numbers):06d}" if there else OWN_NAME
    try:
        if there:
            model.add_adapter(name, config)
            model.load_adapter(place.source, name, is_trainable=False)
            loaded = model
        else:
            with old_names_of_peft():
                loaded = PeftModel.from_pretrained(model, place.source, name, config=config)
        problem = _difference(loaded, place, name)
    except Exception as error:  # a config that is none may fail anywhere in peft
        problem = reason(error)
    if problem:
        if there and name in model.peft_config:
            model.delete_adapter(name)
        own = config.base_model_name_or_path
        raise ValueError(
            f"the adapter {place.source!r} does not fit the model {base!r} "
            f"({problem}): use the base that it was trained on{f' ({own})' * bool(own)}, or copy "
            f"the adapter again if one of its files is broken"
        )
    return loaded, name


@contextmanager
def old_names_of_peft() -> Iterator[None]:
    """peft asks the model by a name that newer releases of transformers warn of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def read_adapter_config(place: ModelPlace, modules: list[str]) -> "PeftConfig":
    """The config of peft, its patterns resolved to names of `modules`. Raises ValueError naming the
    file for one that is missing or broken, or whose method is not to be had."""
    path = place.file(_CONFIG)
    if path is None:
        raise ValueError(
            f"the model setting `adapter` is {place.name!r}, "
            + (
                f"a folder without {_CONFIG}: give the folder of a peft adapter"
                if place.folder
                else "which is not an adapter: give the folder of a peft adapter"
                if place.named
                else f"of which the Hub gives no {_CONFIG}: check the id and the network"
            )
        )
    said = read_checked(path, AdapterFile)
    kind = said.peft_type
    kinds, prompts = known_methods()
    if kind.lower() not in kinds:
        why = ", which adds tokens of its own to a prompt" if kind.lower() in prompts else ""
        raise ValueError(
            f"{path} has the peft_type {kind[:40]!r}{why}: an adapter must be one of "
            f"{', '.join(kinds)}"
        )
    with foreign(lambda why: broken(path, why)):
        _check_types(kinds[kind.lower()], said.model_dump())
        config = kinds[kind.lower()].from_pretrained(place.source)
        config.auto_mapping = None  # a class to import, of which peft has no need here
        config.inference_mode = True
        resolve_patterns(config, modules)
    return config


def _check_types(kind: "type[PeftConfig]", said: dict[str, Any]) -> None:
    """peft takes "no" for true."""
    hints = get_type_hints(kind)
    for name, value in said.items():
        if hints.get(name) is bool and not isinstance(value, bool | None):
            raise ValueError(f"{name} is {str(value)[:60]!r}, neither true nor false")
        if hints.get(name) in (int, float) and not isinstance(value, int | float | None):
            raise ValueError(f"{name} is {str(value)[:60]!r}, not a number")


def _module_names(model: Any) -> list[str]:
    """Of the base, as they are without adapters."""
    wrapped = {name for name, module in model.named_modules() if hasattr(module, "base_layer")}
    inner = tuple(f"{name}." for name in wrapped)
    return [name for name, _ in model.named_modules() if name and not name.startswith(inner)]


def _difference(model: "PeftModel", place: ModelPlace, name: str) -> str:
    """What adapter and base do not have in common: peft takes an adapter of fewer or more layers
    without a word."""
    from peft.utils import get_peft_model_state_dict, load_peft_weights

    saved = set(load_peft_weights(place.source, device="cpu"))
    wanted = set(get_peft_model_state_dict(model, None, name, save_embedding_layers=False))
    differ = sorted(wanted - saved) or sorted(
        key for key in saved - wanted if "embed" not in key and "lm_head" not in key
    )
    return f"one of the two has no {differ[0]}" if differ else ""
