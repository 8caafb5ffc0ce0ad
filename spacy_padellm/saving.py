"""Models to disk, in full or as an adapter with a reference to its base."""

import json
from pathlib import Path
from typing import Any, Literal

from .loading import BASE_FOLDER, FORMAT_VERSION, SETTINGS_FILE, LoadedModel
from .quiet import no_progress_bars

SaveMode = Literal["full", "reference"]


def save_model(loaded: LoadedModel, folder: Path, mode: SaveMode) -> None:
    """Writes a folder that `load_model` reads from anywhere; the tokenizer is always in it.

    "full": all weights (safetensors); an adapter is kept apart, with its base in `base/`.
    "reference": the name of the base, and the adapter where there is one.

    Raises ValueError for another mode.
    """
    if mode not in ("full", "reference"):
        raise ValueError(f"save_mode must be 'full' or 'reference', not {mode!r}")
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "template": loaded.template.to_dict(),
        "labels": list(loaded.labels),
        "descriptions": loaded.descriptions,
        "max_count": loaded.max_count,
    }
    with no_progress_bars():
        settings.update(_save_weights(loaded, folder, mode))
    loaded.lm.tokenizer.save_pretrained(folder)
    text = json.dumps(settings, indent=2, ensure_ascii=False)
    (folder / SETTINGS_FILE).write_text(text + "\n", encoding="utf8")


def _save_weights(loaded: LoadedModel, folder: Path, mode: SaveMode) -> dict[str, Any]:
    """Returns what the settings must say of the base."""
    model = loaded.lm.model
    if mode == "reference":
        source = loaded.source
        name = str(Path(source.name).resolve()) if Path(source.name).exists() else source.name
        if loaded.has_adapter:
            model.save_pretrained(folder)
        return {"base": {"name": name, "revision": source.revision}}
    if loaded.has_adapter:
        _save_base(model, folder / BASE_FOLDER)
        model.save_pretrained(folder)
        return {"base": {"name": BASE_FOLDER}}
    model.save_pretrained(folder)
    return {}


def _save_base(model: Any, folder: Path) -> None:
    """The base's own weights, under the names they had before the adapter was put on."""
    base = model.get_base_model()
    weights = {
        key.replace(".base_layer.", "."): value
        for key, value in base.state_dict().items()
        if "lora_" not in key
    }
    base.save_pretrained(folder, state_dict=weights, safe_serialization=True)
