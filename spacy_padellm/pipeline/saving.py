"""Whole pipelines to disk, with what their weights need and the licences that go with them."""

from pathlib import Path

from spacy.language import Language

from ..architectures.protocol import DecodingShim
from ..atomic import whole_folder
from ..models.licence import write_notices
from .licence import note_licence
from .requirements import note_requirements


def save_pipeline(nlp: Language, folder: Path) -> None:
    """Whole, in the place of what was there, or not at all; the meta of `nlp` gets what its weights
    were made of. Raises OSError where it cannot be written, ValueError as the components."""
    shims = {
        name: shim
        for name, pipe in nlp.components
        for shim in getattr(getattr(pipe, "model", None), "shims", ())
        if isinstance(shim, DecodingShim)
    }
    found = [shim.made_of for shim in shims.values()]
    for made_of in found:
        note_licence(nlp.meta, made_of)
    with whole_folder(folder) as fresh:
        nlp.to_disk(fresh)
        note_requirements(fresh, shims)
        write_notices(fresh, found)
