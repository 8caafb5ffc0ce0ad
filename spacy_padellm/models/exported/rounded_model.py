"""A model whose weights are in 8 bits on disk, so that a graph of such products may name them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from ...lm.language_model import LanguageModel
from ..files.rounded import write_rounded
from ..files.weights import WEIGHTS
from ..hardware import Hardware
from ..load import load_model
from ..loaded_model import LoadedModel, ModelSource
from ..rounded_files import rounded_files
from ..save import save_model

_ON_CPU = Hardware("cpu", "float32", runtime="torch")


@contextmanager
def rounded_model(loaded: LoadedModel[LanguageModel]) -> Iterator[LoadedModel[LanguageModel]]:
    """The model with each row of a matrix rounded to 8 bits, read from files that have it so; its
    pointers stay. The model itself where its files are in 8 bits, or weights are in several.

    Its files are gone with the context.
    """
    if rounded_files(loaded.source) and not loaded.source.adapter:
        yield loaded
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_model(loaded, folder, "full")
        path = folder / WEIGHTS
        if not path.is_file():
            yield loaded
            return
        weights = load_file(path)
        write_rounded(weights, path)
        del weights
        read = load_model(ModelSource(temporary, hardware=_ON_CPU), alone=True)
        yield replace(read, lm=replace(read.lm, name=loaded.lm.name))
