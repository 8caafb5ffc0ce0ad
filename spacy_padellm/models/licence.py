"""The pretrained model that weights were made of, and its licence, which go wherever they go."""

import filecmp
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..atomic import write_whole
from .named.box import DEFAULT, IN_THE_BOX, LICENCE
from .place import ModelPlace, box_name

_WEIGHTS = "model.safetensors"
BOX_SOURCE = "English model of spacy-padellm, on which the weights of padellm_ner are based"
_ANY_BYTES = "surrogateescape"  # a text of others may be in an encoding that is not UTF-8
_SHARE_ALIKE = re.compile(r"cc[ -]by[ -]sa[ -](\d\.\d)", re.IGNORECASE)
_NOTICE = """The model weights here were adapted from {called}, which is
licensed under the Creative Commons Attribution-ShareAlike {version} International License. They are
licensed under the same license: https://creativecommons.org/licenses/by-sa/{version}/

The card of that model (`python -m spacy padellm models` lists its package) names the data that it
was trained on.
"""
_GEMMA = """\
Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms

The model weights here are those of {called}, or were trained from them: they are, or
contain, a modification of Gemma. The use restrictions of those terms apply to them (section 3.2;
ai.google.dev/gemma/prohibited_use_policy).
GEMMA_TERMS.txt is a copy of the terms. Whoever passes the weights on must pass on the terms and
this notice.
"""
_TERMS = Path(__file__).parent / "GEMMA_TERMS.txt"
_MINILM = """
That model was made from the weights and vocabulary of all-MiniLM-L6-v2
(https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2), which are licensed under the Apache
License 2.0: https://www.apache.org/licenses/LICENSE-2.0
They were changed: trained further, rounded to 8 bits, the rarer pieces of the vocabulary left out.
"""
# Whose weights a merged or full copy has, too, by the name of what it was adapted from.
_BELOW = {
    DEFAULT: _MINILM,
    "english-any": _MINILM,  # whose weights are those of english
    "english-smollm2": """
Weights of its base are those of SmolLM2-135M-Instruct, which is licensed under the Apache License
2.0: https://www.apache.org/licenses/LICENSE-2.0
""",
}


def _pattern(notice: str) -> str:
    """Of a notice for any model, however its lines are broken: git may have made them CRLF."""
    words = r"\s+".join(map(re.escape, notice.split()))
    return words.replace(r"\{called\}", ".+?").replace(r"\{version\}", r"\d\.\d")


# What a file of ours is made of, of other models and of releases that named no base, too.
_BASES = "|".join(map(_pattern, dict.fromkeys(_BELOW.values())))
_OURS = re.compile(rf"{_pattern(_NOTICE)}(?:\s+(?:{_BASES}))?|{_pattern(_GEMMA)}")


@dataclass(frozen=True)
class MadeOf:
    """name: of a model in an installed package. licence: its own, as the Hub names them."""

    name: str
    licence: str

    @property
    def binding(self) -> str:
        """The licence as people write it, where it holds for all that is made of the model (CC
        BY-SA, the terms of Gemma); "" for another."""
        if self.is_gemma:
            return "Gemma Terms of Use"
        return f"CC BY-SA {version}" if (version := self._version) else ""

    @property
    def is_gemma(self) -> bool:
        return self.licence == "gemma"

    @property
    def called(self) -> str:
        """In a sentence."""
        if self.name == DEFAULT:
            return "the English model of spacy-padellm"
        return f"the model {self.name!r}"

    @property
    def source(self) -> str:
        """As the meta of a pipeline names it."""
        if self.name == DEFAULT:
            return BOX_SOURCE
        return f"Model {self.name!r}, on which the weights of padellm_ner are based"

    @property
    def notice(self) -> str:
        """What must be beside weights that are made of it; "" where nothing must."""
        if self.is_gemma:
            return _GEMMA.format(called=self.called)
        if not (version := self._version):
            return ""
        return _NOTICE.format(called=self.called, version=version) + _BELOW.get(self.name, "")

    @property
    def notice_file(self) -> str:
        """Its name; that of Gemma is the one of its terms."""
        return "NOTICE" if self.is_gemma else "LICENSE"

    @property
    def _version(self) -> str:
        found = _SHARE_ALIKE.match(self.licence)
        return found[1] if found else ""


def find_made_of(place: ModelPlace, said: MadeOf | None) -> MadeOf | None:
    """None where nothing says so. A name, the folder that it stands for, and a copy of that folder
    are the same model. said: by its own padellm.json; the name or the weights know better."""
    if name := box_name(place) or _copied(place):
        return MadeOf(name, LICENCE)
    if place.named is not None and place.named.licence:
        return MadeOf(place.name, place.named.licence)
    return said


def made_of_before(place: ModelPlace) -> MadeOf | None:
    """Of a model that was saved before its padellm.json said it: as the meta of the pipeline around
    it names its sources."""
    if place.folder is None or not (meta := place.folder.parent.parent / "meta.json").is_file():
        return None
    is_from_box = BOX_SOURCE.encode() in meta.read_bytes()
    return MadeOf(DEFAULT, LICENCE) if is_from_box else None


def write_notices(folder: Path, made_of: Iterable[MadeOf | None]) -> None:
    """`LICENSE`, where weights were made of models whose licence asks for it, with the notice of
    each, once and in their order; of Gemma `NOTICE`, and a copy of its terms.

    What others wrote in a file of that name stays, above ours. Raises OSError where a file cannot
    be read or written.
    """
    asking = [one for one in made_of if one is not None and one.notice]
    if any(one.is_gemma for one in asking):
        write_whole(folder / _TERMS.name, _TERMS.read_text(encoding="utf8"))
    for name in dict.fromkeys(one.notice_file for one in asking):
        notices = dict.fromkeys(one.notice for one in asking if one.notice_file == name)
        text = "\n".join([*_of_others(folder / name), *notices])  # each ends its last line
        write_whole(folder / name, text.encode("utf8", _ANY_BYTES))


def _of_others(path: Path) -> list[str]:
    """What a file holds besides our notices, whichever models these name."""
    if not path.is_file():
        return []
    text = path.read_bytes().decode("utf8", _ANY_BYTES)
    return [part.strip("\r\n") + "\n" for part in _OURS.split(text) if part.strip()]


def _copied(place: ModelPlace) -> str:
    """The name of the model in the box whose weights a folder has, byte by byte; "" for others."""
    if place.folder is None or not (theirs := place.folder / _WEIGHTS).is_file():
        return ""
    for name, folder in IN_THE_BOX.items():
        ours = folder / _WEIGHTS
        if ours.is_file() and filecmp.cmp(ours, theirs, shallow=False):
            return name
    return ""
