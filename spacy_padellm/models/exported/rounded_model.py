"""A model whose weights are in 8 bits on disk, so that a graph of such products may name them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from ...lm.language_model import LanguageModel
from ..files.rounded import write_rounded
from ..files.trouble import disk_errors
from ..files.weights import WEIGHTS
from ..hardware import Hardware
from ..load import load_model
from ..loaded_model import LoadedModel, ModelSource
from ..rounded_files import are_kept
from ..save import save_model

_ON_CPU = Hardware("cpu", "float32", runtime="torch")


@contextmanager
def rounded_model(
    loaded: LoadedModel[LanguageModel], beside: Path
) -> Iterator[LoadedModel[LanguageModel]]:
    """The model with each row of a matrix rounded to 8 bits, read from files that have it so; its
    pointers stay. The model itself where its own files are in 8 bits.

    beside: a folder on the disk that is written to; within it, the files are gone with the context.
    """
    if are_kept(loaded.source):
        yield loaded
        return
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=beside) as temporary:
        folder = Path(temporary)
        save_model(loaded, folder, "full")
        path = folder / WEIGHTS
        weights = load_file(path)
        with disk_errors(beside):
            write_rounded(weights, path)
        del weights
        read = load_model(ModelSource(temporary, hardware=_ON_CPU), alone=True)
        yield replace(read, lm=replace(read.lm, name=loaded.lm.name))
