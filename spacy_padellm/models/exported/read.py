"""An exported model from its folder, ready to decode. Neither torch nor transformers run it."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...lm.onnx.graph import Graph
from ...lm.onnx.head import Head, Table
from ...lm.onnx.model import OnnxModel, RoundingError, check_onnx_model
from ...lm.onnx.passes import LayerShape
from ...lm.onnx.pointers import OnnxPointers
from ..files.header import Header, read_header
from ..files.json_file import broken
from ..files.pointer_sizes import POINTERS, read_sizes
from ..files.tensors import StoredWeight, find_weights, map_tensor
from ..files.trouble import foreign
from ..place import ModelPlace
from .description import DESCRIPTION, Description, Stored
from .tokenizer import FastTokenizer

logger = logging.getLogger(__name__)


def read_exported(
    place: ModelPlace, described: Description, name: str, keeps: Any = None
) -> OnnxModel:
    """name: what the user called it. keeps: what must live as long as the model, such as a
    temporary folder.

    Raises ValueError naming the file for one that is missing or broken.
    """
    files = _Files(place, described.edition)
    for file in described.weights:  # of a Hub model they are fetched
        files.check_layout(file, described.layouts.get(file))
    head = None
    if (part := described.head) is not None:
        bias = None if part.bias is None else files.weight(part.bias, StoredWeight.floats)
        head = Head(files.table(part.weight), bias, part.softcap, part.scale)
    embeddings = files.table(described.embeddings, described.embedding_scale)
    words = described.words
    model = OnnxModel(
        files.graph(described.body, keeps),
        embeddings,
        tuple(LayerShape(p.heads, p.key_size, p.value_size) for p in described.layers),
        head,
        described.window,
        tokenizer=files.tokenizer(described.tokens.model_dump()),
        folder=files.path(DESCRIPTION).parent,
        name=name,
        max_positions=described.max_positions,
        rounded=described.precision == "int8",
        pointers=files.pointers(words, embeddings.width, keeps) if words else None,
    )
    path = files.path(described.body)
    with foreign(lambda why: broken(path, why), own=(RoundingError,)):
        check_onnx_model(model)
    logger.info("%s: decodes on onnxruntime, in %s", name, described.precision)
    return model


class _Files:
    def __init__(self, place: ModelPlace, edition: str | None) -> None:
        self.place = place
        self.edition = edition
        self._headers: dict[str, Header] = {}

    def path(self, name: str) -> Path:
        path = self.place.file(name)
        if path is None:
            raise ValueError(
                f"{self.place.described} lacks {name}, which {DESCRIPTION} names: export the "
                f"model again (python -m spacy padellm export)"
            )
        if not os.access(path, os.R_OK):
            raise ValueError(f"{path} cannot be read: check its permissions")
        return path

    def header(self, name: str) -> Header:
        if name not in self._headers:
            self._headers[name] = read_header(self.path(name))
        return self._headers[name]

    def check_layout(self, name: str, layout: str | None) -> None:
        """Graphs name bytes of the file: written anew it may have others there."""
        header = self.header(name)
        if layout is not None and header.digest != layout:
            raise ValueError(
                f"{header.file} is not the file that the model was exported with: export it again "
                f"(python -m spacy padellm export)"
            )

    def graph(self, name: str, keeps: Any) -> Graph:
        path = self.path(name)
        graph: Graph = self._checked(path, lambda: Graph(path, keeps))
        if self.edition is not None and graph.edition != self.edition:
            raise ValueError(
                f"{path} and {DESCRIPTION} beside it are of two exports: copy the whole folder of "
                f"one, or export the model again (python -m spacy padellm export)"
            )
        return graph

    def tokenizer(self, tokens: dict[str, str | None]) -> FastTokenizer:
        path = self.path("tokenizer.json")
        return self._checked(path, lambda: FastTokenizer.read(path, tokens))

    def weight(self, stored: Stored, read: Callable[[StoredWeight], Any]) -> Any:
        header = self.header(stored.file)
        found = find_weights(header).get(stored.name)
        if found is None:
            raise ValueError(
                broken(header.file, f"it lacks {stored.name}, which {DESCRIPTION} names")
            )
        return self._checked(header.file, lambda: read(found))

    def table(self, stored: Stored, scale: float = 1.0) -> Table:
        """Its rows are read from the file when they are asked for. Raises ValueError for what is no
        matrix."""

        def read(found: StoredWeight) -> Table:
            if len(found.place.shape) != 2:
                raise ValueError(f"{stored.name} is not a matrix")
            return Table(map_tensor(found.place), scale, found.row_scales())

        return self.weight(stored, read)

    def pointers(self, words: str, hidden: int, keeps: Any) -> OnnxPointers:
        """words: graph of these. hidden: width of the model's embeddings."""
        header = self.header(POINTERS)
        sizes = read_sizes(header, hidden)
        found = find_weights(header)
        for name, shape in sizes.shapes().items():
            if name not in found or found[name].place.shape != shape:
                raise ValueError(
                    broken(header.file, f"{name} is not of the shape that the file says")
                )
        weights = self._checked(header.file, lambda: {n: found[n].floats() for n in sizes.shapes()})
        return OnnxPointers(self.graph(words, keeps), weights, sizes.labels)

    def _checked(self, path: Path, read: Callable[[], Any]) -> Any:
        with foreign(lambda why: broken(path, why)):
            return read()
