"""What the results of a set come from: recipe, weights of the base, texts."""

from pathlib import Path
from typing import Any

from grid.sets import digest_set, find_set

from spacy_padellm.models.prepared.content import digest_files
from spacy_padellm.models.prepared.prepare import cache_folder

from .recipe import Recipe
from .sets import SPLITS

Origin = dict[str, Any]


def find_origin(recipe: Recipe, data: Path, name: str) -> Origin:
    """In plain values, to be kept with results and with what is half done, so that those of two
    origins are not mixed. "weights": digest of a base that is a folder, else None. "data": digest
    of the set's texts.

    Raises ValueError where there is no such set.
    """
    texts = digest_set(find_set(data, name, SPLITS), SPLITS)
    return {**recipe.record(), "weights": _digest_base(Path(recipe.base)), "data": texts}


def _digest_base(folder: Path) -> str | None:
    """Of what a model folder holds; 12 hex digits."""
    if not folder.is_dir():
        return None
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    made_of = tuple(path for path in files if path.suffix != ".md" and path.name[0] != ".")
    return digest_files(made_of, cache_folder())[:12]
