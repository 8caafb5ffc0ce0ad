"""Whole pipelines to disk, with the licences of their weights."""

from pathlib import Path

from spacy.language import Language

from ..architectures.protocol import DecodingShim
from ..atomic import whole_folder
from ..models.licence import write_notice
from .licence import note_licence


def save_pipeline(nlp: Language, folder: Path) -> None:
    """Whole, in the place of what was there, or not at all; the meta of `nlp` gets what its weights
    were made of. Raises OSError where it cannot be written, ValueError as the components."""
    models = [getattr(pipe, "model", None) for _, pipe in nlp.components]
    shims = [shim for model in models for shim in getattr(model, "shims", ())]
    found = [shim.made_of for shim in shims if isinstance(shim, DecodingShim)]
    for made_of in found:
        note_licence(nlp.meta, made_of)
    with whole_folder(folder) as fresh:
        nlp.to_disk(fresh)
        for made_of in found:
            write_notice(fresh, made_of)
