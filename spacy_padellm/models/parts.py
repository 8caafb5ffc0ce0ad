"""The places that a model is made of: its base, its adapter, and what it is asked."""

from dataclasses import replace

from .loaded_model import ModelSource
from .model_settings import ModelSettings, read_base, read_settings
from .place import ModelPlace, find_place
from .prepared.prepare import prepare

_ADAPTER_CONFIG = "adapter_config.json"
_MOST_REFERENCES = 16  # of one folder to the next, before weights are found


def find_parts(
    source: ModelSource, setting: str = "name"
) -> tuple[ModelPlace, ModelPlace | None, ModelSettings]:
    """Base, adapter, and what the model is asked: as the adapter says, else the base. A folder may
    refer to another as its base, and that to one more. setting: that has the model's name.

    Raises ValueError naming the setting for a model that is not there, and for references that lead
    to no base, or past a second adapter.
    """
    place = prepare(find_place(source.name, setting, source.revision))
    adapter = find_place(source.adapter, "adapter") if source.adapter else None
    settings = read_settings(adapter) if adapter else None
    passed: list[ModelPlace] = []
    while True:
        own = read_settings(place)
        if adapter is not None and own is not None:
            # Those of the base are not the adapter's.
            own = replace(own, calibration=None, start_threshold=None)
        settings = _over(settings, own)
        base = read_base(place)
        if base is None:
            return place, adapter, settings or ModelSettings()
        if not source.adapter and place.file(_ADAPTER_CONFIG):
            if adapter is not None:
                raise ValueError(_two_adapters(adapter, place))
            adapter = place
        passed.append(place)
        called = f"the base of {place.name!r}"
        below = find_place(base.name, "base", base.revision, within=place.folder, called=called)
        place = prepare(below)
        if place in passed or len(passed) > _MOST_REFERENCES:
            raise ValueError(_no_base([*passed, place]))


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


def _two_adapters(adapter: ModelPlace, below: ModelPlace) -> str:
    return (
        f"{adapter.described} holds an adapter, and its base, {below.described}, holds another, "
        f"but a model has one: merge the other into its weights first "
        f"(python -m spacy padellm merge), and name these as the base"
    )


def _no_base(way: list[ModelPlace]) -> str:
    kind = "go in a circle" if way[-1] in way[:-1] else f"are more than {_MOST_REFERENCES}"
    return (
        f"{way[0].described} refers to no weights: its references {kind} "
        f"({' → '.join(place.name for place in way)}): name a folder that has weights as `base` in "
        f"its padellm.json"
    )
