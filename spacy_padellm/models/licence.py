"""The pretrained model that weights were made of, and its licence, which go wherever they go."""

import filecmp
from dataclasses import dataclass
from pathlib import Path

from ..atomic import write_whole
from .named.box import IN_THE_BOX, english
from .place import ModelPlace, is_box

_BOX, *_ = IN_THE_BOX
_WEIGHTS = "model.safetensors"
BOX_SOURCE = "English model of spacy-padellm, on which the weights of padellm_ner are based"
_NOTICE = """The model weights here were adapted from the English model of spacy-padellm, which is
licensed under the Creative Commons Attribution-ShareAlike 4.0 International License. They are
licensed under the same license: https://creativecommons.org/licenses/by-sa/4.0/

The model card of that model (spacy_padellm/models/english/README.md in spacy-padellm) names the
data that it was trained on.
"""


@dataclass(frozen=True)
class MadeOf:
    """name: of a model in an installed package. licence: its own, as the Hub names them."""

    name: str
    licence: str

    @property
    def is_box(self) -> bool:
        """Whether it is the model in the box, whose licence holds for all that is made of it."""
        return self.name == _BOX


def find_made_of(place: ModelPlace, said: MadeOf | None) -> MadeOf | None:
    """None where nothing says so. A name, the folder that it stands for, and a copy of that folder
    are the same model. said: by its own padellm.json, which a name knows better."""
    if is_box(place) or (said is None and _is_copy(place)):
        return MadeOf(_BOX, english().licence)
    if place.named is not None and place.named.licence:
        return MadeOf(place.name, place.named.licence)
    return said


def made_of_before(place: ModelPlace) -> MadeOf | None:
    """Of a model that was saved before its padellm.json said it: as the meta of the pipeline around
    it names its sources."""
    if place.folder is None or not (meta := place.folder.parent.parent / "meta.json").is_file():
        return None
    is_from_box = BOX_SOURCE.encode() in meta.read_bytes()
    return MadeOf(_BOX, english().licence) if is_from_box else None


def write_notice(folder: Path, made_of: MadeOf | None) -> None:
    """`LICENSE`, where weights were made of the model in the box."""
    if made_of is not None and made_of.is_box:
        write_whole(folder / "LICENSE", _NOTICE)


def _is_copy(place: ModelPlace) -> bool:
    """Whether a folder has the weights of the model in the box, byte by byte."""
    if place.folder is None:
        return False
    ours, theirs = (folder / _WEIGHTS for folder in (IN_THE_BOX[_BOX], place.folder))
    return ours.is_file() and theirs.is_file() and filecmp.cmp(ours, theirs, shallow=False)
