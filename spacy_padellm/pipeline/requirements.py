"""What a pipeline needs to load its weights, in its meta, where `spacy package` reads it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from thinc.api import Config

from .. import __version__
from ..atomic import write_whole
from ..extras import PROJECT
from ..models.exported.description import read_description
from ..models.model_settings import SETTINGS_FILE, read_base
from ..models.named.lookup import brought_by
from ..models.place import find_place

# Extras of what was saved before.
_OF_WEIGHTS = {"torch", "gguf", "quantize", "smollm2", "gemma3", "minilm"}
# Package and extra by the model setting `quantize`.
_ROUNDING = {"int8": ("", "quantize"), "8bit": ("bitsandbytes", ""), "4bit": ("bitsandbytes", "")}


def note_requirements(pipeline: Path, components: Iterable[str]) -> None:
    """Names this package in a saved pipeline's meta, with the extras that the stored weights of
    these components need, and the packages of models that they refer to.

    Extras that have to do with weights are replaced, others of the same line stay, and so do other
    lines. A line that names a place of this package (a URL) is left as it is. components: those of
    this package. Raises ValueError for a folder that is broken.
    """
    folders = {name: pipeline / name / "model" for name in components}
    stored = [name for name, folder in folders.items() if _has_weights(folder)]
    if not stored:
        return
    found = [_needed(folders[name]) for name in stored]
    found += _rounding(pipeline, stored)
    path = pipeline / "meta.json"
    meta: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
    lines = meta.get("requirements") or []
    lines = [lines] if isinstance(lines, str) else list(lines)
    own = [(line, said) for line in lines if (said := _read_ours(line)) is not None]
    kept = [line for line in lines if _read_ours(line) is None]
    kept += sorted({package for package, _ in found if package} - set(kept))
    if any(said.url for _, said in own):
        kept += [line for line, _ in own]
    else:
        extras = {extra for _, extra in found if extra}
        for _, said in own:
            extras |= said.extras - _OF_WEIGHTS
        kept.append(_ours(extras))
    meta["requirements"] = kept
    write_whole(path, json.dumps(meta, indent=2, ensure_ascii=False) + "\n")


def _has_weights(folder: Path) -> bool:
    """Not where a model is behind a server."""
    return any((folder / name).is_file() for name in (SETTINGS_FILE, "config.json"))


def _rounding(pipeline: Path, components: Iterable[str]) -> list[tuple[str, str]]:
    """What rounds weights as they are loaded, by the pipeline's config: as `_needed`."""
    path = pipeline / "config.cfg"
    if not path.is_file():
        return []
    known = Config().from_disk(path, interpolate=True).get("components", {})
    asked = {known.get(name, {}).get("model", {}).get("quantize") for name in components}
    return [_ROUNDING[way] for way in sorted(filter(None, asked)) if way in _ROUNDING]


def _needed(folder: Path) -> tuple[str, str]:
    """A package of others, and an extra; "" for none."""
    place = find_place(str(folder), "name")
    if read_description(place) is not None:  # exported: runs without torch
        return "", ""
    base = read_base(place)
    if base is None or (folder / base.name).exists():  # all of it is here
        return "", "torch"
    package, extra = brought_by(base.name)
    if not extra and (folder / "adapter_config.json").exists():
        extra = "torch"
    return package, extra


def _ours(extras: set[str]) -> str:
    """The releases that read what this one has written, as far as is known."""
    major, minor = Version(__version__).release[:2]
    named = f"[{','.join(sorted(extras))}]" if extras else ""
    return f"{PROJECT}{named}>={__version__},<{major}.{minor + 1}"


def _read_ours(line: Any) -> Requirement | None:
    """None for any other line, what pip alone understands ("-e .") among them."""
    try:
        said = Requirement(line)
    except (InvalidRequirement, TypeError):
        return None
    return said if canonicalize_name(said.name) == PROJECT else None
