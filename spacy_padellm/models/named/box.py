"""The models in the box, which come with this package. english-any has the weights of english."""

from pathlib import Path

from .named_model import NamedModel

_MODELS = Path(__file__).parents[1]
DEFAULT = "english"
IN_THE_BOX = {DEFAULT: _MODELS / "english", "english-any": _MODELS / "english_any"}
LICENCE = "cc-by-sa-4.0"


def english() -> NamedModel:
    return NamedModel(
        IN_THE_BOX[DEFAULT],
        licence=LICENCE,
        card="Finds PER, ORG and LOC in English, and learns your own labels: 21 million weights",
    )


def english_any() -> NamedModel:
    return NamedModel(
        IN_THE_BOX["english-any"],
        licence=LICENCE,
        card="Finds the labels that you name, in English, without training: the weights of english",
    )
