"""Models to disk, in full or as an adapter with a reference to its base."""

from dataclasses import replace
from pathlib import Path

from ..atomic import check_owner, whole_folder
from ..lm.language_model import LanguageModel
from .adapters import base_weights, save_adapter
from .files.trouble import disk_errors
from .loaded_model import LoadedModel
from .model_settings import SETTINGS_FILE
from .pointer_files import save_pointers
from .progress_bars import no_progress_bars
from .rounded_files import keep_adapter, keep_rounded
from .save_mode import SaveMode

BASE_FOLDER = "base"


def save_model(loaded: LoadedModel[LanguageModel], folder: Path, mode: SaveMode) -> None:
    """Writes a folder that `load_model` reads from anywhere; the tokenizer is always in it. "full":
    all weights (safetensors), in 8 bits where they were read so and have not changed; an adapter is
    kept apart, with its base in `base/`. "reference": the name of the base, and the adapter where
    there is one. An adapter that has not changed, and its pointers, are the files that they were
    read from. Raises ValueError for another mode."""
    if mode not in ("full", "reference"):
        raise ValueError(f"save_mode must be 'full' or 'reference', not {mode!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with no_progress_bars(), disk_errors(folder):
        base = _save_weights(loaded, folder, mode)
        if loaded.lm.pointers is not None and (mode == "full" or loaded.lm.adapter):
            save_pointers(loaded.lm.pointers, folder)
    if mode == "full":
        keep_rounded(loaded.source, folder / BASE_FOLDER if loaded.lm.adapter else folder)
    if loaded.lm.adapter:
        keep_adapter(loaded.source, folder)
    loaded.lm.tokenizer.save_pretrained(folder)
    replace(loaded.settings, template=loaded.template).write(folder, base)
    _let_read(folder)


def _let_read(folder: Path) -> None:
    """Weights are for whoever may read the other files: safetensors lets only their owner."""
    mode = (folder / SETTINGS_FILE).stat().st_mode
    for path in folder.rglob("*.safetensors"):
        path.chmod(mode)


def _save_weights(
    loaded: LoadedModel[LanguageModel], folder: Path, mode: SaveMode
) -> dict[str, str | None] | None:
    """Returns the base that the folder refers to, if any."""
    adapter = loaded.lm.adapter
    if loaded.lm.quantized and mode == "full":
        raise ValueError(
            "a quantised model cannot be saved: set model.quantize to null to save it, and to "
            "'int8' where it is loaded"
        )
    if mode == "reference":
        source = loaded.source
        if adapter:
            save_adapter(loaded.lm, adapter, folder, source.name)
        return {"name": source.name, "revision": source.revision}
    if adapter:
        base = folder / BASE_FOLDER
        loaded.lm.base.save_pretrained(base, state_dict=base_weights(loaded.lm))
        save_adapter(loaded.lm, adapter, folder, BASE_FOLDER)
        return {"name": BASE_FOLDER}
    gathered = loaded.lm.gathered
    loaded.lm.model.save_pretrained(folder, state_dict=dict(gathered) if gathered else None)
    return None


def replace_model(loaded: LoadedModel, folder: Path, mode: SaveMode) -> None:
    """Writes beside `folder`, then puts the new one in its place. The old files may be the ones
    that this very model was read from and are still mapped. Raises ValueError for a folder that
    holds something else than a model of ours."""
    check_owner(folder, SETTINGS_FILE)
    with whole_folder(folder) as fresh:
        save_model(loaded, fresh, mode)
