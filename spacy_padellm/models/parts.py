"""The places that a model is made of: its base, its adapter, and what it is asked."""

from dataclasses import replace

from .loaded_model import ModelSource
from .model_settings import ModelSettings, read_base, read_settings
from .place import ModelPlace, find_place
from .prepared.prepare import prepare


def find_parts(
    source: ModelSource, setting: str = "name"
) -> tuple[ModelPlace, ModelPlace | None, ModelSettings]:
    """Base, adapter, and what the model is asked: as the adapter says, else the base. setting: that
    has its name. Raises ValueError naming the setting for a model that is not there."""
    place = prepare(find_place(source.name, setting, source.revision))
    adapter = find_place(source.adapter, "adapter") if source.adapter else None
    settings = read_settings(place)
    if base := read_base(place):  # a folder that refers to its base
        if adapter is None and place.file("adapter_config.json"):
            adapter = place
        place = prepare(find_place(base.name, "base", base.revision, within=place.folder))
        settings = _over(settings, read_settings(place))
    if adapter is not None:
        if settings is not None:  # the base's calibration is not the adapter's
            settings = replace(settings, calibration=None)
        settings = _over(read_settings(adapter), settings)
    return place, adapter, settings or ModelSettings()


def _over(upper: ModelSettings | None, lower: ModelSettings | None) -> ModelSettings | None:
    if upper is None or lower is None:
        return upper or lower
    return replace(
        upper,
        template=upper.template or lower.template,
        made_of=upper.made_of or lower.made_of,
    )


def cannot_read(source: ModelSource, why: str) -> str:
    """What to say where a file of the model is wrong in a way that nothing else tells."""
    adapter = f" with the adapter {source.adapter!r}" if source.adapter else ""
    return (
        f"the model {source.name!r}{adapter} cannot be loaded ({why}): one of its files is not as "
        f"it should be; copy it again, or choose another model"
    )
