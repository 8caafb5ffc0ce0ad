"""Low-rank adapters (peft): put on a model untrained, or read onto their base."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model

from .lm import LanguageModel


@dataclass(frozen=True)
class LoraSettings:
    """A low-rank adapter to train (peft). targets: module names; None takes peft's own choice
    for the architecture, or all linear layers where it has none."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    targets: list[str] | None = None


def load_adapter(model: Any, place: str | Path, adapter: str, base: str) -> Any:
    """Reads an adapter onto its base; `adapter` and `base` are what the user called them.

    Raises ValueError where it was made for another base.
    """
    try:
        return PeftModel.from_pretrained(model, place)
    except (RuntimeError, ValueError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(
            f"the adapter {adapter!r} does not fit the model {base!r} "
            f"({first}): use the base that it was trained on"
        ) from error


def add_lora(lm: LanguageModel, settings: LoraSettings) -> LanguageModel:
    """Puts an untrained adapter on the model; only the adapter will be trained.

    Raises ValueError where targets name no module of the model.
    """
    if isinstance(lm.model, PeftModel):
        for name, parameter in lm.model.named_parameters():
            parameter.requires_grad_("lora_" in name)
        return lm
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        task_type="CAUSAL_LM",
    )
    try:
        model = get_peft_model(lm.model, config)
    except ValueError as error:
        if settings.targets is not None:
            raise ValueError(
                f"lora.targets {settings.targets} do not fit {lm.name}: {error}"
            ) from error
        config.target_modules = "all-linear"
        model = get_peft_model(lm.model, config)
    return replace(lm, model=model)
