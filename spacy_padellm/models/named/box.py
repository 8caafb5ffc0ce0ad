"""The model in the box, which comes with this package."""

from pathlib import Path

from .named_model import NamedModel

IN_THE_BOX = {"english": Path(__file__).parents[1] / "english"}


def english() -> NamedModel:
    return NamedModel(
        IN_THE_BOX["english"],
        licence="cc-by-sa-4.0",
        card="Finds PER, ORG and LOC in English, and learns your own labels: 21 million weights",
    )
