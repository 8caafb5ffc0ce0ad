"""Weights of a graph that a safetensors file has already: named as ranges of its bytes."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ...lm.onnx.head import widen
from .description import Stored
from .tensors import TensorPlace, find_tensors

_LEAST = 1024  # numbers: smaller ones stay in the graph
_TYPES = {"F32": TensorProto.FLOAT, "F16": TensorProto.FLOAT16, "BF16": TensorProto.BFLOAT16}


class StoredWeights:
    """Of the safetensors files of a folder, found by what they hold."""

    def __init__(self, folder: Path) -> None:
        self._places: dict[bytes, TensorPlace] = {}
        self.named: set[str] = set()  # files that graphs refer to
        for file in sorted(folder.glob("*.safetensors")):
            for place in find_tensors(file).values():
                if place.dtype in _TYPES:
                    self._places.setdefault(_key(widen(place.map())), place)

    def find(self, array: np.ndarray) -> TensorPlace | None:
        """The place of the same numbers in the same shape. array: float32."""
        return self._places.get(_key(array))

    def require(self, array: np.ndarray) -> Stored:
        """Raises ValueError where they are in no file."""
        place = self.find(array)
        if place is None:
            raise ValueError("weights of the model are not among those that were saved")
        return Stored(file=place.file.name, name=place.name)

    def refer(self, model: onnx.ModelProto) -> None:
        """Takes weights that are in the files out of the graph, which names them instead. Those in
        16 bits are made float32 in the graph, which the runtime does once, when it reads it."""
        graph = model.graph
        casts = []
        for tensor in graph.initializer:
            if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _LEAST:
                continue
            place = self.find(numpy_helper.to_array(tensor))
            if place is None:
                continue
            wide = tensor.name
            if place.dtype != "F32":
                tensor.name = f"{wide}_stored"
                casts.append(helper.make_node("Cast", [tensor.name], [wide], to=TensorProto.FLOAT))
            _name(tensor, place)
            self.named.add(place.file.name)
        nodes = [*casts, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)


def _name(tensor: Any, place: TensorPlace) -> None:
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_type = _TYPES[place.dtype]
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    about = {"location": place.file.name, "offset": place.offset, "length": place.length}
    for key, value in about.items():
        tensor.external_data.add(key=key, value=str(value))


def _key(array: np.ndarray) -> bytes:
    digest = hashlib.sha256(repr(array.shape).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
