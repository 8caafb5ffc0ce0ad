"""Writes what the ONNX runtime loads, of a model or of all models of a pipeline."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy import util

from ...atomic import check_owner, whole_folder, write_whole
from ...extras import need
from ...models.hardware import Hardware
from ...models.loaded_model import ModelSource
from ...models.model_settings import SETTINGS_FILE
from ...pipeline.licence import note_in_folder
from ...pipeline.requirements import note_requirements
from ...plurals import count, verb
from ..pipelines import is_pipeline
from .texts import shorten

if TYPE_CHECKING:  # needs torch, which may not be installed
    from .comparing import Comparison

_ARCHITECTURES = ("spacy_padellm.CausalLM.v1", "spacy_padellm.CausalLMFromScratch.v1")
_ON_CPU = Hardware("cpu", "float32", runtime="torch")
_FEWEST_APART = 12  # texts, of which then half is for fitting
_MOST_DIFFERING = 0.1  # of the mentions, in float32: more is no tie


@dataclass(frozen=True)
class Export:
    """name: of the component, or of the model. size: bytes of the folder. reset: settings of the
    component's model with which onnxruntime would not run it, left out. to_fit: how many texts
    products of 8-bit numbers were fitted to. apart: whether these are others than those that it was
    compared on."""

    name: str
    comparison: "Comparison"
    size: int
    reset: tuple[str, ...] = ()
    to_fit: int = 0
    apart: bool = False


def export(name: str, output: Path, precision: str, texts: Sequence[str]) -> list[Export]:
    """Writes a model's folder, or the pipeline with its models exported.

    name: a pipeline, installed or a folder, or whatever the model setting `name` takes. precision:
    "fp32", "fp16" (weights rounded to 16 bits; computes in float32) or "int8".

    Raises ValueError with a mend for what cannot be exported, and where the exported model does
    not answer as the other; NotInstalledError where what writes graphs is not installed.
    """
    need("export", "export", "Exported models run without")
    pipeline = _pipeline_folder(name)
    if Path(name).exists() and output.resolve().is_relative_to(Path(name).resolve()):
        raise ValueError(
            f"{output} is what is exported, or in it: give a folder elsewhere (--output)"
        )
    if pipeline is None:
        check_owner(output, SETTINGS_FILE)
        with whole_folder(output) as fresh:
            return [_export_model(name, name, fresh, precision, texts)]
    components = _components(pipeline, name)
    check_owner(output, "meta.json")
    with whole_folder(output) as fresh:
        models = {str(pipeline / component / "model") for component in components}

        def leave_out(folder: str, names: list[str]) -> list[str]:
            return names if folder in models else []

        shutil.copytree(pipeline, fresh, dirs_exist_ok=True, ignore=leave_out)
        found = []
        for component in components:
            folder = fresh / component / "model"
            source = str(pipeline / component / "model")
            one = _export_model(component, source, folder, precision, texts)
            reset = _reset(fresh / "config.cfg", component, precision != "int8")
            found.append(replace(one, reset=reset))
            _note_full(fresh / component / "cfg")
        note_in_folder(fresh, components)
        note_requirements(fresh, components)
        return found


def _export_model(
    name: str, source: str, folder: Path, precision: str, texts: Sequence[str]
) -> Export:
    from ...models.adapters import merge_adapter  # what takes seconds to import
    from ...models.decodable import load_decodable
    from ...models.exported.description import PRECISIONS
    from ...models.exported.write import write_exported
    from ...models.load import load_model
    from .comparing import compare

    chosen = next((one for one in PRECISIONS if one == precision), None)
    if chosen is None:
        raise ValueError(f"--precision is {precision!r}: use one of {', '.join(PRECISIONS)}")
    loaded = load_model(ModelSource(source, hardware=_ON_CPU), alone=True)
    if loaded.lm.adapter:
        loaded = replace(loaded, lm=merge_adapter(loaded.lm))
    shortened = shorten(loaded.encoder(), texts, loaded.lm.max_positions)
    # 8 bits are judged on other texts than those that they are fitted to.
    apart = chosen == "int8" and len(texts) >= _FEWEST_APART
    to_fit, to_compare = (shortened[::2], shortened[1::2]) if apart else (shortened, shortened)
    write_exported(loaded, folder, chosen, to_fit)
    hardware = Hardware(runtime="onnx")
    exported = load_decodable(ModelSource(str(folder), hardware=hardware))
    comparison = compare(loaded, exported, to_compare)
    if chosen != "int8" and comparison.differing > max(1, _MOST_DIFFERING * comparison.mentions):
        raise ValueError(
            f"{name}: of {count(comparison.mentions, 'mention')}, {comparison.differing:,} "
            f"{verb(comparison.differing, 'is', 'are')} found by only "
            f"one of torch and onnxruntime: this model cannot be exported; run it with runtime = "
            f"'torch'"
        )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Export(name, comparison, size, (), len(to_fit) if chosen == "int8" else 0, apart)


def _pipeline_folder(name: str) -> Path | None:
    """None for the name of a model."""
    if is_pipeline(Path(name)):
        return Path(name)
    if not util.is_package(name):
        return None
    found = sorted(util.get_package_path(name).glob("*/config.cfg"))
    return found[0].parent if found else util.get_package_path(name)


def _components(pipeline: Path, name: str) -> list[str]:
    """Those with a model in a folder. Raises ValueError where there is none."""
    config = util.load_config(pipeline / "config.cfg")
    components: dict[str, Any] = config.get("components", {})
    found = [
        component
        for component in config.get("nlp", {}).get("pipeline", [])
        if components.get(component, {}).get("factory") == "padellm_ner"
        and components[component].get("model", {}).get("@architectures") in _ARCHITECTURES
        and (pipeline / component / "model").is_dir()
    ]
    if not found:
        raise ValueError(f"the pipeline {name} has no padellm_ner with a model in its folder")
    return found


def _reset(path: Path, component: str, is_exact: bool) -> tuple[str, ...]:
    """Takes what asks for torch out of a component's settings; returns the names. is_exact: whether
    the export is what a `dtype` of float32 asks for."""
    config = util.load_config(path, interpolate=False)
    block = config["components"][component]["model"]
    fits = {"device": "cpu", "runtime": "onnx", **({"dtype": "float32"} if is_exact else {})}
    found = []
    for name, usual in vars(Hardware()).items():
        if block.get(name, usual) not in (usual, None, [], fits.get(name, usual)):
            block[name] = [] if usual == () else usual
            found.append(name)
    if found:
        config.to_disk(path, interpolate=False)
    return tuple(found)


def _note_full(path: Path) -> None:
    """The component's own file says that its model is whole: it may have been a reference."""
    said = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    write_whole(path, json.dumps({**said, "save_mode": "full"}))
