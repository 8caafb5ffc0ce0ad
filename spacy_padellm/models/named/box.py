"""The models whose weights come with this package: in the box."""

from pathlib import Path

from .named_model import NamedModel

_MODELS = Path(__file__).parents[1]
# The first is the default.
IN_THE_BOX = {"english": _MODELS / "english", "english-any": _MODELS / "english_any"}
LICENCE = "cc-by-sa-4.0"


def english() -> NamedModel:
    return NamedModel(
        IN_THE_BOX["english"],
        licence=LICENCE,
        card="Finds PER, ORG and LOC in English, and learns your own labels: 21 million weights",
    )


def english_any() -> NamedModel:
    return NamedModel(
        IN_THE_BOX["english-any"],
        licence=LICENCE,
        card="Finds the labels that you name, in English, without training: 21 million weights",
    )
