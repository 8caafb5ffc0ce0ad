"""What the results of a set come from: recipe, weights of the base, texts."""

from pathlib import Path
from typing import Any

from grid.bases import digest_base
from grid.sets import digest_set, find_set

from .recipe import Recipe
from .sets import SPLITS

Origin = dict[str, Any]


def find_origin(recipe: Recipe, data: Path, name: str) -> Origin:
    """In plain values, to be kept with results and with what is half done, so that those of two
    origins are not mixed. "weights": digest of a base in a folder, a file or a package, None of
    one on the Hub. "data": digest of the set's texts.

    Raises ValueError where there is no such set, and NotInstalledError where the package of a base
    is missing.
    """
    texts = digest_set(find_set(data, name, SPLITS), SPLITS)
    return {**recipe.record(), "weights": digest_base(recipe.base), "data": texts}
