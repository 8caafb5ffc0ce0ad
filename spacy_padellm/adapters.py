"""Low-rank adapters (peft): put on a model untrained, or read onto their base."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.utils import load_peft_weights
from safetensors import SafetensorError

from .lm import LanguageModel


@dataclass(frozen=True)
class LoraSettings:
    """A low-rank adapter to train (peft). targets: module names; None takes peft's own choice
    for the architecture, or all linear layers where it has none."""

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    targets: list[str] | None = None


def load_adapter(model: Any, adapter: str, base: str, revision: str | None = None) -> Any:
    """Reads an adapter (folder, or Hub id with its revision) onto its base, called `base`.

    Raises ValueError where it was made for another base.
    """
    if Path(adapter).is_dir() and not (Path(adapter) / "adapter_config.json").exists():
        raise ValueError(
            f"the model setting `adapter` is {adapter!r}, a folder without adapter_config.json: "
            f"give the folder of a peft adapter"
        )
    problem = ""
    try:
        loaded = PeftModel.from_pretrained(model, adapter, revision=revision)
    except (RuntimeError, ValueError, TypeError, OSError, SafetensorError) as error:
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
    else:
        # peft takes an adapter of fewer or more layers without a word.
        saved = set(load_peft_weights(adapter, device="cpu", revision=revision))
        wanted = set(get_peft_model_state_dict(loaded, save_embedding_layers=False))
        differ = sorted(wanted - saved) or sorted(
            key for key in saved - wanted if "embed" not in key and "lm_head" not in key
        )
        if differ:
            problem = f"one of the two has no {differ[0]}"
    if problem:
        raise ValueError(
            f"the adapter {adapter!r} does not fit the model {base!r} "
            f"({problem}): use the base that it was trained on"
        )
    return loaded


def train_adapter(lm: LanguageModel, settings: LoraSettings | None) -> LanguageModel:
    """Readies the model's adapter for training, or puts an untrained one on; the base is frozen.

    settings: of the new adapter; those of one that is there must not be others.

    Raises ValueError where targets name no module of the model, or where `settings` are not
    those of the adapter that is there.
    """
    if isinstance(lm.model, PeftModel):
        _check_same(lm.model.active_peft_config, settings)
        lm.model.set_adapter(lm.model.active_adapter)  # marks its weights as trainable
        return lm
    settings = settings or LoraSettings()
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
    return replace(lm, model=model, static=None)


def _check_same(config: Any, settings: LoraSettings | None) -> None:
    """Raises ValueError where an adapter was made with other settings than those given."""
    if settings is None:
        return
    targets = getattr(config, "target_modules", None)
    same_targets = settings.targets is None or (
        not isinstance(targets, str) and set(settings.targets) == set(targets or ())
    )
    rank, alpha = getattr(config, "r", None), getattr(config, "lora_alpha", None)
    if (settings.rank, settings.alpha) != (rank, alpha) or not same_targets:
        raise ValueError(
            f"`lora` asks for rank {settings.rank}, alpha {settings.alpha}, targets "
            f"{settings.targets}, but the adapter that is loaded has rank {rank}, alpha {alpha}, "
            f"targets {targets}: leave `lora` out to train it on, or leave out `adapter`"
        )
