"""An exported model from its folder, ready to decode. Neither torch nor transformers run it."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...lm.onnx.graph import Graph
from ...lm.onnx.head import Head, Table
from ...lm.onnx.model import OnnxModel, check_onnx_model
from ...lm.onnx.passes import LayerShape
from ...lm.onnx.pointers import OnnxPointers
from ..files.json_file import broken
from ..files.schemas import PointersPart
from ..files.tensors import StoredWeight, find_weights
from ..files.trouble import foreign
from ..place import ModelPlace
from .description import DESCRIPTION, Description, Stored, digest_layout
from .tokenizer import FastTokenizer

logger = logging.getLogger(__name__)
POINTERS = "pointers.safetensors"


def read_exported(
    place: ModelPlace, described: Description, name: str, keeps: Any = None
) -> OnnxModel:
    """name: what the user called it. keeps: what must live as long as the model, such as a
    temporary folder.

    Raises ValueError naming the file for one that is missing or broken.
    """
    files = _Files(place)
    for file in described.weights:  # of a Hub model they are fetched
        files.check_layout(file, described.layouts.get(file))
    head = None
    if (part := described.head) is not None:
        bias = None if part.bias is None else files.weight(part.bias, StoredWeight.floats)
        head = Head(files.table(part.weight), bias, part.softcap, part.scale)
    model = OnnxModel(
        files.graph(described.body, keeps),
        files.table(described.embeddings, described.embedding_scale),
        tuple(LayerShape(p.heads, p.key_size, p.value_size) for p in described.layers),
        head,
        described.window,
        tokenizer=files.tokenizer(described.tokens.model_dump()),
        folder=files.path(DESCRIPTION).parent,
        name=name,
        max_positions=described.max_positions,
        rounded=described.precision == "int8",
        pointers=files.pointers(described.words, keeps) if described.words else None,
    )
    path = files.path(described.body)
    with foreign(lambda why: broken(path, why)):
        check_onnx_model(model)
    logger.info("%s: decodes on onnxruntime, in %s", name, described.precision)
    return model


class _Files:
    def __init__(self, place: ModelPlace) -> None:
        self.place = place

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

    def check_layout(self, name: str, layout: str | None) -> None:
        """Graphs name bytes of the file: written anew it may have others there."""
        path = self.path(name)
        if layout is not None and digest_layout(path) != layout:
            raise ValueError(
                f"{path} is not the file that the model was exported with: export it again "
                f"(python -m spacy padellm export)"
            )

    def graph(self, name: str, keeps: Any) -> Graph:
        path = self.path(name)
        return self._checked(path, lambda: Graph(path, keeps))

    def tokenizer(self, tokens: dict[str, str | None]) -> FastTokenizer:
        path = self.path("tokenizer.json")
        return self._checked(path, lambda: FastTokenizer.read(path, tokens))

    def weight(self, stored: Stored, read: Callable[[StoredWeight], Any]) -> Any:
        path = self.path(stored.file)
        return self._checked(path, lambda: read(find_weights(path)[stored.name]))

    def table(self, stored: Stored, scale: float = 1.0) -> Table:
        """Its rows are read from the file when they are asked for."""

        def read(found: StoredWeight) -> Table:
            return Table(found.place.map(), scale, found.row_scales())

        return self.weight(stored, read)

    def pointers(self, words: str, keeps: Any) -> OnnxPointers:
        path = self.path(POINTERS)

        def read() -> tuple[dict[str, np.ndarray], list[str]]:
            with path.open("rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            weights = {
                name: found.floats()
                for name, found in find_weights(path).items()
                if not name.startswith("words.")
            }
            about = PointersPart.model_validate_json(header["__metadata__"]["pointers"])
            wrong = [n for n, shape in about.shapes().items() if weights[n].shape != shape]
            if wrong:
                raise ValueError(f"{wrong[0]} is not of the shape that the file says")
            return weights, about.labels

        weights, labels = self._checked(path, read)
        return OnnxPointers(self.graph(words, keeps), weights, labels)

    def _checked(self, path: Path, read: Callable[[], Any]) -> Any:
        with foreign(lambda why: broken(path, why)):
            return read()
