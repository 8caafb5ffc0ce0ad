"""The licence of what a model was made of, in the pipeline's meta: `spacy package` writes it."""

from pathlib import Path

from spacy.language import Language

from ..architectures.protocol import DecodingShim
from ..atomic import write_whole

OF_BOX = "CC BY-SA 4.0"
_SOURCE = {
    "name": "English model of spacy-padellm, on which the weights of padellm_ner are based",
    "license": OF_BOX,
}
_NOTICE = """The weights of the component padellm_ner of this pipeline were adapted from the English
model of spacy-padellm, which is licensed under the Creative Commons Attribution-ShareAlike 4.0
International License. They are licensed under the same license:
https://creativecommons.org/licenses/by-sa/4.0/

The model card of that model (spacy_padellm/models/english/README.md in spacy-padellm) names the
data that it was trained on.
"""


def note_licence(nlp: Language | None, shim: DecodingShim) -> None:
    """Names the licence in `nlp.meta`, for a model that is tuned from the one in the box. A licence
    that is there stays."""
    if nlp is None or not getattr(getattr(shim, "origin", None), "in_the_box", False):
        return
    nlp.meta["license"] = nlp.meta["license"] or OF_BOX
    sources = list(nlp.meta.get("sources") or [])
    if _SOURCE not in sources:
        nlp.meta["sources"] = [*sources, _SOURCE]


def write_notice(nlp: Language, folder: Path) -> None:
    """`LICENSE` in a pipeline's folder, where the meta names the model in the box."""
    if _SOURCE in (nlp.meta.get("sources") or []):
        write_whole(folder / "LICENSE", _NOTICE)
