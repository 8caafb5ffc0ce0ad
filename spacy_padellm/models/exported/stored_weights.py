"""Weights of a graph that a safetensors file has already: named as ranges of its bytes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..files.header import TensorPlace, read_header
from ..files.tensors import INT8, StoredWeight, find_weights
from .description import Stored

_LEAST = 1024  # numbers: smaller ones stay in the graph
_TYPES = {
    "F32": TensorProto.FLOAT,
    "F16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    INT8: TensorProto.INT8,
}


class StoredWeights:
    """Of the safetensors files of a folder, found by what they hold."""

    def __init__(self, folder: Path) -> None:
        self._weights: dict[bytes, StoredWeight] = {}
        self.named: set[str] = set()  # files that graphs refer to
        for file in sorted(folder.glob("*.safetensors")):
            for weight in find_weights(read_header(file)).values():
                if weight.in_floats or weight.scales is not None:
                    self._weights.setdefault(_key(weight.floats()), weight)

    def find(self, array: np.ndarray) -> StoredWeight | None:
        """The place of the same numbers in the same shape. array: float32."""
        return self._weights.get(_key(array))

    def require(self, array: np.ndarray) -> Stored:
        """Raises ValueError where they are in no file."""
        weight = self.find(array)
        if weight is None:
            raise ValueError("weights of the model are not among those that were saved")
        return Stored(file=weight.place.file.name, name=weight.place.name)

    def external(
        self, name: str, place: TensorPlace, shape: Sequence[int] | None = None
    ) -> onnx.TensorProto:
        """A tensor of a graph whose bytes are in a file. shape: in place of its own."""
        tensor = TensorProto(name=name, data_type=_TYPES[place.dtype])
        tensor.dims.extend(place.shape if shape is None else shape)
        tensor.data_location = TensorProto.EXTERNAL
        about = {"location": place.file.name, "offset": place.offset, "length": place.length}
        for key, value in about.items():
            tensor.external_data.add(key=key, value=str(value))
        self.named.add(place.file.name)
        return tensor

    def refer(self, model: onnx.ModelProto) -> None:
        """Takes weights that are in the files out of the graph, which names them instead. Those in
        8 and 16 bits are made float32 in the graph, which the runtime does once, when it reads
        it."""
        graph = model.graph
        further, made = [], []
        for tensor in graph.initializer:
            weight = self.find(numpy_helper.to_array(tensor)) if _is_large(tensor) else None
            if weight is None:
                continue
            (first, *rest), nodes = self.floats(tensor.name, weight)
            tensor.CopyFrom(first)
            further += rest
            made += nodes
        graph.initializer.extend(further)
        put_before(graph, made)

    def floats(
        self, name: str, weight: StoredWeight
    ) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
        """What makes a weight in float32 of what is stored, under this name."""
        place, stored = weight.place, f"{name}_stored"
        if weight.scales is not None:
            return self.steps(name, weight), [
                helper.make_node(
                    "DequantizeLinear", [stored, f"{name}_scale_of_rows"], [name], axis=0
                )
            ]
        if place.dtype == "F32":
            return [self.external(name, place)], []
        cast = helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT)
        return [self.external(stored, place)], [cast]

    def steps(self, name: str, weight: StoredWeight) -> list[onnx.TensorProto]:
        """A matrix in 8 bits, `name`_stored, and what its rows are multiplied by,
        `name`_scale_of_rows."""
        assert weight.scales is not None
        n_rows = weight.place.shape[:1]
        return [
            self.external(f"{name}_stored", weight.place),
            self.external(f"{name}_scale_of_rows", weight.scales, n_rows),
        ]


def _is_large(tensor: onnx.TensorProto) -> bool:
    """Whether it is worth a range of bytes, and is none already."""
    within = tensor.data_location != TensorProto.EXTERNAL
    return within and tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= _LEAST


def put_before(graph: onnx.GraphProto, made: Sequence[onnx.NodeProto]) -> None:
    """Nodes before all others of a graph."""
    nodes = [*made, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _key(array: np.ndarray) -> bytes:
    digest = hashlib.sha256(repr(array.shape).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
