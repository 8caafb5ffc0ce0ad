"""Dropout of an adapter that is there already, for which peft has no call."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from torch import nn

from .adapter_settings import DROPOUT

if TYPE_CHECKING:  # peft takes seconds to import, which a model without adapter need not wait for
    from peft import PeftConfig, PeftModel

# Where layers of peft have it, by the name of the adapter: as a module, or a number. Layers of OFT
# have one that they never call.
_HELD = ("lora_dropout", "supertuning_lora_dropout", "delora_dropout", "module_dropout")


def set_dropout(model: "PeftModel", name: str, asked: "PeftConfig") -> None:
    """Gives the adapter `name` the dropout of the config `asked`, which is of the same method; its
    weights stay. Raises ValueError where its layers cannot have any."""
    config: Any = model.peft_config[name]
    for field in DROPOUT:
        wanted: Any = getattr(asked, field, None)
        had = getattr(config, field, None)
        if wanted == had:
            continue
        found: list[Any] = [
            held
            for module in model.modules()
            for attribute in _HELD
            if isinstance(held := getattr(module, attribute, None), MutableMapping | nn.ModuleDict)
            and name in held
        ]
        if not found or getattr(config, "target_parameters", None):
            raise ValueError(
                f"peft.dropout is {wanted}, but the adapter that is loaded has {had}, and adapters "
                f"of its kind keep what they have: set it to {had}"
            )
        for held in found:
            before = held[name]
            if isinstance(before, nn.Module):
                held[name] = nn.Dropout(wanted).train(before.training)
            else:
                held[name] = wanted
        setattr(config, field, wanted)
