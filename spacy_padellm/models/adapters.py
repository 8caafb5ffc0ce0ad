"""Adapters (peft): put on a model untrained, shared, merged, saved; read by `adapter_reading`."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from ..lm.language_model import LanguageModel
from .adapter_dropout import set_dropout
from .adapter_reading import OWN_NAME, old_names_of_peft
from .adapter_settings import DROPOUT, AdapterSettings
from .loading_lock import loading_lock

if TYPE_CHECKING:  # peft takes seconds to import, which a model without adapter need not wait for
    from peft import PeftModel

# Parts of the names of a base's weights while peft has it in its hands.
_WRAPPERS = frozenset({"base_layer", "original_module", "token_adapter"})


def own_copy(lm: LanguageModel, own: str) -> LanguageModel:
    """The model with a base of its own, and of its adapters the one called `own`."""
    from peft import set_peft_model_state_dict

    model = copy.deepcopy(lm.model)
    for name in [name for name in model.peft_config if name != own]:
        model.delete_adapter(name)
    if own != OWN_NAME:  # checkpoints are read by name
        weights = _weights(model, own)
        model.add_adapter(OWN_NAME, copy.deepcopy(model.peft_config[own]))
        set_peft_model_state_dict(model, weights, OWN_NAME)
        model.set_adapter(OWN_NAME)
        model.delete_adapter(own)
    model.set_adapter(OWN_NAME)
    return replace(lm, model=model, adapter=OWN_NAME, turn=nullcontext(), static=None)


@loading_lock()
def train_adapter(
    lm: LanguageModel, settings: AdapterSettings | None, new_tokens: tuple[int, ...] = ()
) -> LanguageModel:
    """Readies the model's adapter for training, or puts an untrained one on; the base is frozen.

    settings: of the new adapter; those of one that is there must not be others, but for dropout.
    new_tokens: ids that the base has not seen; their rows of the embeddings are trained and
    saved with the adapter.

    Raises ValueError where targets name no module of the model, or where `settings` are not
    those of the adapter that is there.
    """
    from peft import get_peft_model

    if lm.adapter:
        if settings is not None:
            asked = settings.peft_config()
            _check_same(lm, settings, asked)
            set_dropout(lm.model, lm.adapter, asked)
        lm.model.set_adapter(lm.adapter)  # marks its weights as trainable
        return lm
    settings = settings or AdapterSettings()
    config: Any = settings.peft_config()
    if new_tokens:
        if not hasattr(config, "trainable_token_indices"):
            raise ValueError(
                f"the template has tokens that {lm.name} does not know, and peft.method "
                f"{settings.method!r} cannot learn them: use lora, or the template 'plain'"
            )
        config.trainable_token_indices = _token_modules(lm, new_tokens)
    try:
        with old_names_of_peft():
            model = get_peft_model(lm.model, config)
    except ValueError as error:
        if settings.targets is not None:
            raise ValueError(
                f"peft.targets {settings.targets} do not fit {lm.name}: {error}"
            ) from error
        config.target_modules = "all-linear"
        try:
            with old_names_of_peft():
                model = get_peft_model(lm.model, config)
        except ValueError as own_error:
            raise ValueError(
                f"peft cannot put an adapter of method {settings.method!r} on {lm.name}: "
                f"{own_error}"
            ) from own_error
    return replace(lm, model=model, adapter=OWN_NAME, static=None)


def merge_adapter(lm: LanguageModel) -> LanguageModel:
    """The model with its adapter worked into the weights; the adapter is no more.

    Raises ValueError for a model without an adapter, or one that is quantised.
    """
    if not lm.adapter:
        raise ValueError(f"{lm.name} has no adapter that could be merged")
    if lm.quantized:
        raise ValueError(
            "an adapter cannot be merged into quantised weights: set model.quantize to null"
        )
    merged = lm.model.merge_and_unload(adapter_names=[lm.adapter])
    return replace(lm, model=merged, adapter=None, static=None)


def save_adapter(lm: LanguageModel, name: str, folder: Path, base: str) -> None:
    """Writes the adapter `name` alone, as `PeftModel.from_pretrained` reads it.

    base: what the adapter's config says it belongs to.
    """
    found = _weights(lm.model, name, lm.gathered)
    weights = {key: value.contiguous().cpu() for key, value in found.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = lm.model.peft_config[name]
    before = config.base_model_name_or_path, config.inference_mode
    config.base_model_name_or_path, config.inference_mode = base, True
    try:
        config.save_pretrained(folder)
    finally:
        config.base_model_name_or_path, config.inference_mode = before


@loading_lock()
def base_weights(lm: LanguageModel) -> dict[str, torch.Tensor]:
    """The base's own weights, under the names they had before the adapter was put on."""
    prefix = "base_model.model."
    held = {key.removeprefix(prefix): value for key, value in (lm.gathered or {}).items()}
    with torch.device("meta"):
        names = set(
            AutoModelForCausalLM.from_config(lm.base.config, trust_remote_code=False).state_dict()
        )
    found: dict[str, torch.Tensor] = {}
    for key, value in (held or lm.base.state_dict()).items():
        plain = ".".join(part for part in key.split(".") if part not in _WRAPPERS)
        if plain in names:
            found.setdefault(plain, value)
    return found


def _weights(
    model: "PeftModel", name: str, state: Mapping[str, torch.Tensor] | None = None
) -> dict[str, torch.Tensor]:
    from peft import get_peft_model_state_dict

    return get_peft_model_state_dict(
        model, dict(state) if state else None, name, save_embedding_layers=False
    )


def _token_modules(lm: LanguageModel, ids: tuple[int, ...]) -> dict[str, list[int]]:
    """peft ties the rows of an output head to those of the embeddings where the model does."""
    modules = {id(module): name for name, module in lm.model.named_modules()}
    names = [modules[id(lm.model.get_input_embeddings())]]
    head = lm.model.get_output_embeddings()
    tied = head is None or head.weight is lm.model.get_input_embeddings().weight
    if not tied:
        names.append(modules[id(head)])
    return {name: list(ids) for name in names}


def _check_same(lm: LanguageModel, settings: AdapterSettings, asked: Any) -> None:
    """Raises ValueError where the model's adapter was made with other settings than those given.
    asked: the config of peft that they are."""
    config = lm.model.peft_config[lm.adapter]
    names = ["r", "lora_alpha", "alpha", "use_rslora", "use_dora"]
    names += [name for name in settings.options if name not in DROPOUT]
    all_linear = settings.targets == "all-linear" and _is_on_all_linear(lm, config)
    if settings.targets is not None and not all_linear:
        names.append("target_modules")
    differ = [
        name
        for name in names
        if _plain(getattr(asked, name, None)) != _plain(getattr(config, name, None))
    ]
    if asked.peft_type != config.peft_type:
        differ = ["peft_type"]
    if differ:
        told = "; ".join(
            f"{name} {getattr(asked, name, None)}, but the adapter that is loaded has "
            f"{getattr(config, name, None)}"
            for name in differ
        )
        raise ValueError(
            f"`peft` asks for {told}: leave `peft` out to train it on, or leave out `adapter`"
        )


def _is_on_all_linear(lm: LanguageModel, config: Any) -> bool:
    """Whether an adapter's targets, which its config lists by name, are what peft takes for
    "all-linear": all linear layers but the output head, and nothing else."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    targets = config.target_modules
    if not isinstance(targets, (set, list)):
        return bool(targets == "all-linear")
    head = lm.model.get_output_embeddings()
    left_out = {id(part) for part in head.modules()} if head is not None else set()
    wanted, found, wrappers = set(), set(), set()
    for name, module in lm.model.named_modules():  # what is in a module comes after it
        if any(parent in wrappers for parent in _parents(name)):
            continue
        layer = module
        if isinstance(module, BaseTunerLayer):
            wrappers.add(name)
            layer = module.get_base_layer()
        if isinstance(layer, (torch.nn.Linear, Conv1D)) and not {id(module), id(layer)} & left_out:
            wanted.add(name)
        if any(f".{name}".endswith(f".{target}") for target in targets):
            found.add(name)
    return found == wanted


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name


def _plain(value: Any) -> Any:
    return set(value) if isinstance(value, (list, set, tuple)) else value
