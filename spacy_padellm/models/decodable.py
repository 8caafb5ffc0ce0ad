"""Models as they decode: an exported one on onnxruntime where that is wanted, else on torch."""

from dataclasses import replace
from typing import Any

from ..lm.language_model import LanguageModel
from ..prompts.template import PromptTemplate
from .exported.description import Description, read_description
from .exported.read import read_exported
from .files.pretrained import read_tokenizer
from .files.trouble import foreign
from .hub_access import hub_or_downloads
from .load import cannot_read, find_parts, load_model
from .loaded_model import LoadedModel, ModelSource
from .place import ModelPlace


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
        return load_model(source, template)
    with foreign(lambda why: cannot_read(source, why), own=(ValueError,)):
        place, adapter, settings = find_parts(source)
        described = None if adapter else read_description(place)
        if described is None or not _is_wanted(described, source):
            if hardware.runtime == "onnx":
                raise ValueError(_not_exported(place, adapter))
            return load_model(source, template)
        lm = read_exported(place, described, read_tokenizer(place), source.name, keeps)
    found = replace(source, name=place.name, revision=place.revision)
    return LoadedModel(lm, settings.asking(template, source.name), found)


def load_trainable(loaded: LoadedModel[Any]) -> LoadedModel[LanguageModel]:
    """The same model on torch, which alone trains; one that is there already as it is. Raises
    ValueError for runtime = "onnx"."""
    hardware = loaded.source.hardware
    if isinstance(loaded.lm, LanguageModel):
        return loaded
    if hardware.runtime == "onnx":
        raise ValueError(
            "the model setting `runtime` is 'onnx', which only decodes: set it to 'auto' or "
            "'torch' to train"
        )
    source = replace(loaded.source, hardware=replace(hardware, runtime="torch"))
    lm = load_model(source, alone=True).lm
    return LoadedModel(lm, loaded.settings, source, only_here=loaded.only_here)


def _is_wanted(described: Description, source: ModelSource) -> bool:
    """Whoever asks for float32 means the weights, too."""
    hardware = source.hardware
    exact = described.precision == "fp32" or hardware.dtype == "auto"
    return exact or hardware.runtime == "onnx"


def _not_exported(place: ModelPlace, adapter: ModelPlace | None) -> str:
    has = "has an adapter, which is merged where a model is exported" if adapter else "has none"
    return (
        f"the model setting `runtime` is 'onnx', and {place.described} {has}: write a folder "
        f"with `python -m spacy padellm export` and name that, or set runtime to 'auto'"
    )
