"""What to say of a place that holds no model. Needs neither torch nor transformers."""

from ..place import ModelPlace

_BEST = "model-best"  # in the output of a training run


def called(place: ModelPlace) -> str:
    """A place in a message, with the setting that has led there."""
    kind = "model" if place.named else "folder" if place.folder else "Hub model"
    return f"the {kind} {place.name!r} (setting `{place.setting}`)"


def why_no_model(place: ModelPlace) -> str:
    """With what to name instead, where that is near; "" where the place has the config of a
    model, which of one on the Hub is fetched."""
    if place.file("config.json"):
        return ""
    model = called(place)
    if place.file("adapter_config.json"):
        return f"{model} holds an adapter only: set `adapter` to it, and `name` to its base"
    if place.folder is None:
        return f"{model} holds no model: it has no config.json, or none that was downloaded"
    if files := sorted(place.folder.glob("*.gguf")):
        return f"{model} has no config.json, but a GGUF file: set `name` to {str(files[0])!r}"
    if within := sorted(place.folder.glob("*/model/config.json")):
        return (
            f"{model} is a spaCy pipeline: load it with spacy.load, or set `name` to the model in "
            f"it, {str(within[0].parent)!r}"
        )
    if (best := place.folder / _BEST).is_dir():
        return f"{model} is the output of a training run: name the pipeline in it, {str(best)!r}"
    return f"{model} holds no model: it has no config.json"
