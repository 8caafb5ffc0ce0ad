"""Models from disk, by path, name or Hub id, with their adapters.

Beside the usual Hugging Face files a folder holds `padellm.json` (`model_settings`).
"""

import logging
import weakref
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from ..lm.gradients import gradients_on
from ..lm.language_model import LanguageModel
from ..lm.selfcheck import check_fixed_shapes, check_language_model
from ..prompts.template import PromptTemplate
from .adapter_reading import load_adapter
from .adapters import own_copy
from .devices import find_dtype
from .files.causal import cannot_load, read_causal_config
from .files.pretrained import check_model, count_ids, read_causal_lm, read_tokenizer
from .files.trouble import foreign, reason
from .files.weights import ADAPTER, find_weights
from .hardware import Hardware
from .hub_access import hub_or_downloads
from .loaded_model import LoadedModel, ModelSource
from .loading_lock import check_undisturbed, loading_lock
from .parts import cannot_read, find_parts
from .place import ModelPlace
from .pointer_files import check_whole, read_pointers
from .progress_bars import no_progress_bars
from .quantization import few_bits, quantize_weights
from .shared_bases import AdapterTurn, SharedBase, SharedBases, Turn

logger = logging.getLogger(__name__)
_shared = SharedBases()
_MOST_GROWTH = 10_000  # tokens added to a model: its template's, for labels and counts


@hub_or_downloads()
def load_model(
    source: ModelSource, template: PromptTemplate | None = None, alone: bool = False
) -> LoadedModel[LanguageModel]:
    """Loads model, tokenizer and adapter, and checks how the model can decode.

    template: used instead of the one saved with the model; "plain" where neither is given.
    alone: a base of its own. Otherwise models that differ in their adapters have one base in
    memory between them.

    Raises ValueError naming the setting for: a missing or offline model, one that is not a
    causal LM, an adapter that does not fit, a device or dtype that is not there; naming the file
    for one that is broken.
    """
    with foreign(lambda why: cannot_read(source, why), own=(ValueError,)):
        source.hardware.find_first()  # before anything is downloaded
        place, adapter, settings = find_parts(source)
        _fetch(place, adapter)
        with gradients_on():
            lm = _load_parts(source, place, adapter, alone)
    found = replace(
        source,
        name=place.name,
        adapter=adapter.with_revision if adapter else None,
        revision=place.revision,
    )
    return LoadedModel(lm, settings.asking(template, source.name), found)


def _fetch(place: ModelPlace, adapter: ModelPlace | None) -> None:
    """Downloads all that a load reads of Hub models, while others may load or fork."""
    for part in (place, adapter) if adapter else (place,):
        part.fetch()
    if adapter is not None:
        adapter.file(ADAPTER)
    if place.on_hub:
        with loading_lock():
            config = read_causal_config(place)  # of a model that is none, no weights are fetched
        find_weights(place, config.get_text_config())


@loading_lock()
def _load_parts(
    source: ModelSource, place: ModelPlace, adapter: ModelPlace | None, alone: bool
) -> LanguageModel:
    """Base, tokenizer and adapter, ready to decode."""
    hardware = source.hardware
    device = hardware.find_first()
    config = read_causal_config(place)
    dtype = find_dtype(hardware.dtype, device, getattr(config.get_text_config(), "dtype", None))
    check_model(place, config)
    tokenizer = read_tokenizer(adapter if adapter and adapter.file("tokenizer.json") else place)
    n_tokens = count_ids(tokenizer)
    if adapter is None or alone:
        key = None
    else:
        key = _shared.key(place, hardware, device, dtype, n_tokens)
    base = _shared.find(key)
    turn = base.turn if base else Turn()
    model = base.model if base else _load_base(place, hardware, dtype, n_tokens)
    with turn:  # another thread may be running the base
        name = None
        if adapter is not None:
            model, name = load_adapter(model, adapter, source.name)
        if hardware.quantize == "int8":  # before it moves: the whole may not fit there
            quantize_weights(model)
        if hardware.device_map is None and hardware.bits is None:
            model.to(device)
        model.eval()
        quantized = hardware.quantize is not None
        lm = LanguageModel(model, tokenizer, source.name, quantized=quantized, adapter=name)
        if (pointers := read_pointers(adapter or place, lm.config.hidden_size)) is not None:
            check_whole(hardware)
            lm.pointers = pointers.to(lm.device)
        if key is not None and name is not None:
            lm.turn = AdapterTurn(SharedBase(model, turn), name)
            weakref.finalize(lm, turn.gone.append, name)  # others may be running the base
            _shared.add(key, model, turn)
        with lm.turn:
            return ready(lm, hardware)


@loading_lock()
def take_alone(lm: LanguageModel) -> LanguageModel:
    """The model with a base that no other component decodes with, for training."""
    if not isinstance(lm.turn, AdapterTurn):
        return lm
    with lm.turn:
        if len(lm.model.peft_config) > 1:
            return own_copy(lm, lm.turn.adapter)
        _shared.forget(lm.model)
    lm.turn = nullcontext()
    return lm


def ready(lm: LanguageModel, hardware: Hardware) -> LanguageModel:
    """A model as it will decode: checked, and with `compile` in fixed shapes, checked again."""
    check_language_model(lm)
    if hardware.compile and check_fixed_shapes(lm):
        lm.compile()
    return lm


def _load_base(place: ModelPlace, hardware: Hardware, dtype: Any, n_tokens: int) -> Any:
    """The model without an adapter, its vocabulary grown to `n_tokens`."""
    model = _load_causal_lm(place, dtype, hardware)
    rows = model.get_input_embeddings().weight.shape[0]
    if n_tokens > _MOST_GROWTH + 2 * rows:
        raise ValueError(
            f"{place.described} has {rows} rows of embeddings, and its tokenizer {n_tokens} "
            f"tokens: they do not belong together"
        )
    if n_tokens > rows:
        model.resize_token_embeddings(n_tokens, mean_resizing=False)
    return model


def _load_causal_lm(place: ModelPlace, dtype: Any, hardware: Hardware) -> Any:
    device_map = hardware.device_map
    options: dict[str, Any] = {"device_map": device_map} if device_map else {}
    if hardware.bits is not None:
        device = hardware.find_first()
        options["quantization_config"] = few_bits(hardware.bits, device)
        options.setdefault("device_map", {"": device})
    try:
        with no_progress_bars():
            try:
                model, info = read_causal_lm(place, dtype, **options, attn_implementation="sdpa")
            except ValueError as error:
                if "scaled_dot_product_attention" not in str(error):
                    raise  # else this architecture has no sdpa
                model, info = read_causal_lm(place, dtype, **options, attn_implementation="eager")
    except Exception as error:
        if device_map is not None and "device_map" in str(error):
            raise ValueError(
                f"the model setting `device_map` is {device_map!r}: {reason(error)}"
            ) from error
        raise ValueError(cannot_load(place, error)) from error
    check_undisturbed(model, info["missing_keys"])
    if missing := sorted(info["missing_keys"]):
        raise ValueError(
            f"{place.described} lacks weights that {type(model).__name__} needs "
            f"({missing[0]} and {len(missing) - 1} more): it is not a complete causal LM"
        )
    return model
