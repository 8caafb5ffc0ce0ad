"""How a model is saved: in full, or with a reference to where it comes from."""

from typing import Literal

from .loaded_model import LoadedModel
from .place import in_the_box

SaveMode = Literal["full", "reference"]
SAVE_MODES = ("auto", "full", "reference")


def save_mode_for(save_mode: str, loaded: LoadedModel) -> SaveMode:
    """The mode in which a model is written.

    Raises ValueError for "reference" where there is nothing to refer to.
    """
    if save_mode == "full":
        return "full"
    if save_mode == "reference":
        if loaded.only_here:
            raise ValueError(
                "save_mode is 'reference', but these weights are in no other place (they were "
                "trained here, or read from a full copy): set save_mode to 'full' or 'auto'"
            )
        return "reference"
    return "full" if loaded.only_here or in_the_box(loaded.source.name) else "reference"
