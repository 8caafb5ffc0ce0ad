"""Models to disk, in full or as an adapter with a reference to its base."""

from pathlib import Path
from typing import Any, Literal

from .loading import LoadedModel
from .model_settings import ModelSettings
from .quiet import no_progress_bars

SaveMode = Literal["full", "reference"]
BASE_FOLDER = "base"


def save_model(loaded: LoadedModel, folder: Path, mode: SaveMode) -> None:
    """Writes a folder that `load_model` reads from anywhere; the tokenizer is always in it.

    "full": all weights (safetensors); an adapter is kept apart, with its base in `base/`.
    "reference": the name of the base, and the adapter where there is one.

    Raises ValueError for another mode.
    """
    if mode not in ("full", "reference"):
        raise ValueError(f"save_mode must be 'full' or 'reference', not {mode!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with no_progress_bars():
        base = _save_weights(loaded, folder, mode)
    loaded.lm.tokenizer.save_pretrained(folder)
    settings = ModelSettings(
        loaded.template, loaded.labels, loaded.descriptions, loaded.max_count, base
    )
    settings.write(folder)


def _save_weights(
    loaded: LoadedModel, folder: Path, mode: SaveMode
) -> dict[str, str | None] | None:
    """Returns the base that the folder refers to, if any."""
    model = loaded.lm.model
    if loaded.lm.quantized and mode == "full":
        raise ValueError(
            "a quantised model cannot be saved: set model.quantize to null to save it, and to "
            "'int8' where it is loaded"
        )
    if mode == "reference":
        source = loaded.source
        if loaded.has_adapter:
            model.save_pretrained(folder)
        return {"name": source.name, "revision": source.revision}
    if loaded.has_adapter:
        _save_base(model, folder / BASE_FOLDER)
        model.save_pretrained(folder)
        return {"name": BASE_FOLDER}
    model.save_pretrained(folder)
    return None


def _save_base(model: Any, folder: Path) -> None:
    """The base's own weights, under the names they had before the adapter was put on."""
    base = model.get_base_model()
    weights = {
        key.replace(".base_layer.", "."): value
        for key, value in base.state_dict().items()
        if "lora_" not in key
    }
    base.save_pretrained(folder, state_dict=weights, safe_serialization=True)
