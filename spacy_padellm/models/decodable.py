"""Models as they decode: an exported one on onnxruntime where that is wanted, else on torch."""

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..extras import need
from ..lm.onnx.model import OnnxModel
from ..prompts.template import PromptTemplate
from .exported.description import Description, read_description
from .exported.read import read_exported
from .files.no_model import why_no_model
from .files.trouble import foreign
from .hub_access import hub_or_downloads
from .loaded_model import LoadedModel, ModelSource
from .model_settings import ModelSettings
from .parts import cannot_read, find_parts
from .place import ModelPlace

logger = logging.getLogger(__name__)
_MOST_TRIES = 5
_KNOWN = {"dtype": r"float(16|32|64)|bfloat16", "device": r"[a-z]+(:\d+)?"}
_USE = {
    "dtype": "'auto', 'float32', 'bfloat16' or 'float16'",
    "device": "'auto', 'cpu', or a device of torch, such as 'cuda:0'",
}

if TYPE_CHECKING:  # an exported model runs without
    from ..lm.language_model import LanguageModel


@hub_or_downloads()
def load_decodable(
    source: ModelSource, template: PromptTemplate | None = None, keeps: Any = None
) -> LoadedModel[Any]:
    """A `LanguageModel`, or an `OnnxModel` where the folder has one and `runtime` takes it.

    template: instead of the one saved with the model. keeps: what must live as long as the model's
    files are read. Raises ValueError as `load_model`, and for runtime = "onnx" where the model was
    not exported.
    """
    hardware = source.hardware
    if not hardware.takes_onnx:
        return _load_with_torch(source, template)
    with foreign(lambda why: cannot_read(source, why), own=(ValueError,)):
        for _ in range(_MOST_TRIES):
            seen = _Seen.of(source)
            if seen.described is None or not _is_wanted(seen.described, source):
                if seen.place.folder is not None and (why := why_no_model(seen.place)):
                    raise ValueError(why)  # before torch is asked for, which would not help
                if hardware.runtime == "onnx":
                    raise ValueError(_not_exported(seen.place, seen.adapter))
                return _load_with_torch(source, template, passed_over=seen.described)
            try:
                lm = read_exported(seen.place, seen.described, source.name, keeps)
            except ValueError:
                if seen.is_there(source):
                    raise
            else:
                if seen.is_there(source):
                    found = replace(source, name=seen.place.name, revision=seen.place.revision)
                    return LoadedModel(lm, seen.settings.asking(template, source.name), found)
            logger.warning("%s was replaced while it was read", seen.place.described)
    raise ValueError(
        f"{seen.place.described} was replaced {_MOST_TRIES} times while it was read: load it again "
        f"when nobody writes there"
    )


@dataclass(frozen=True)
class _Seen:
    """What a load begins with. described: None of what has an adapter, or was not exported. inode:
    of the folder; an export is put in place as a whole, by its folder's name."""

    place: ModelPlace
    adapter: ModelPlace | None
    settings: ModelSettings
    described: Description | None
    inode: tuple[int, int] | None

    @classmethod
    def of(cls, source: ModelSource) -> "_Seen":
        place, adapter, settings = find_parts(source)
        inode = None
        if place.folder is not None:
            stat = place.folder.stat()
            inode = stat.st_dev, stat.st_ino
        described = None if adapter else read_description(place)
        return cls(place, adapter, settings, described, inode)

    def is_there(self, source: ModelSource) -> bool:
        """Whether it is so still, and was therefore all the time. Files of the Hub stay."""
        if self.place.on_hub:
            return True
        try:
            return _Seen.of(source) == self
        except (OSError, ValueError):  # another folder is about to take its place
            return False


def load_trainable(loaded: LoadedModel[Any]) -> "LoadedModel[LanguageModel]":
    """The same model on torch, which alone trains; one that is there already as it is. Raises
    ValueError for runtime = "onnx", NotInstalledError where torch is not installed."""
    hardware = loaded.source.hardware
    if not isinstance(loaded.lm, OnnxModel):
        return loaded
    if hardware.runtime == "onnx":
        raise ValueError(
            "the model setting `runtime` is 'onnx', which only decodes: set it to 'auto' or "
            "'torch' to train"
        )
    need("torch", "training")
    source = replace(loaded.source, hardware=replace(hardware, runtime="torch"))
    lm = _load_with_torch(source, alone=True).lm
    return LoadedModel(lm, loaded.settings, source, only_here=loaded.only_here)


def _load_with_torch(
    source: ModelSource,
    template: PromptTemplate | None = None,
    alone: bool = False,
    passed_over: Description | None = None,
) -> "LoadedModel[LanguageModel]":
    """As `load_model`. passed_over: what the folder has for onnxruntime, and `dtype` does not take.
    Raises NotInstalledError where torch is not installed."""
    _need_torch(source, passed_over)
    from .load import load_model

    return load_model(source, template, alone)


def _need_torch(source: ModelSource, passed_over: Description | None) -> None:
    hardware = source.hardware
    if passed_over is not None:
        need(
            "torch",
            f"the model setting `dtype`, which is {hardware.dtype!r},",
            f"The model {source.name!r} was exported in {passed_over.precision}, which runs "
            f"without: leave `dtype` out",
        )
    setting = "runtime" if hardware.runtime == "torch" else hardware.asks_for_torch
    if setting:
        given = getattr(hardware, setting)
        if setting in _KNOWN and not re.fullmatch(_KNOWN[setting], given):  # torch would not help
            raise ValueError(f"the model setting `{setting}` is {given!r}: use {_USE[setting]}")
        need("torch", f"the model setting `{setting}`, which is {given!r},")
    adapter = f" with the adapter {source.adapter!r}" if source.adapter else ""
    need(
        "torch",
        f"the model {source.name!r}{adapter}",
        "Models that `python -m spacy padellm export` wrote run without",
    )


def _is_wanted(described: Description, source: ModelSource) -> bool:
    """Whoever asks for float32 means products, too, which are of 8-bit numbers with "int8"."""
    hardware = source.hardware
    exact = described.precision != "int8" or hardware.dtype == "auto"
    return exact or hardware.runtime == "onnx"


def _not_exported(place: ModelPlace, adapter: ModelPlace | None) -> str:
    has = "has an adapter, which is merged where a model is exported" if adapter else "has none"
    return (
        f"the model setting `runtime` is 'onnx', and {place.described} {has}: write a folder "
        f"with `python -m spacy padellm export` and name that, or set runtime to 'auto'"
    )
