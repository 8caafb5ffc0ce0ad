"""Matrices in 8 bits that a graph makes of those in a safetensors file, in 8 bits as well.

A graph whose products are of 8-bit numbers has matrices of its own: evened out, and rounded again.
Where it says how they are made of the stored ones, which the runtime does once, when it reads it,
nothing is stored twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..files.tensors import StoredWeight
from .stored_weights import StoredWeights, put_before

# What onnxruntime's tools put behind the name of a matrix that they rounded.
_WHOLE, _WHOLE_SCALES = "_quantized", "_scale"
_BLOCKS, _BLOCK_SCALES = "_Q8", "_scales"
_MIDDLE = 128  # what stands for 0 in blocks
_FAR = 1.5  # steps: where as many as 256 are to both sides of 0, the outermost is cut off


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a matrix of a graph, [inputs, outputs], comes from.

    weight: in 8 bits. turned: whether it is stored as [outputs, inputs]. even: what was multiplied
    with the rows of the graph's, [inputs].
    """

    weight: StoredWeight
    turned: bool
    even: np.ndarray | None = None

    def floats(self) -> np.ndarray:
        """As the graph had it before it was rounded."""
        found = self.weight.floats()
        found = found.T if self.turned else found
        return found if self.even is None else found * self.even[:, None]


def find_origin(array: np.ndarray, stored: StoredWeights) -> Origin | None:
    """array: a matrix of a graph. None where no file has it in 8 bits."""
    for turned in (True, False):
        weight = stored.find(array.T if turned else array)
        if weight is not None and weight.scales is not None:
            return Origin(weight, turned)
    return None


def round_at_load(
    graph: onnx.GraphProto, origins: Mapping[str, Origin], stored: StoredWeights
) -> None:
    """origins: by the names that matrices had before they were rounded. Those that were rounded in
    another way than is known here stay in the graph."""
    known = {tensor.name: tensor for tensor in graph.initializer}
    made: list[onnx.NodeProto] = []
    for name, origin in origins.items():
        if name + _WHOLE in known and name + _WHOLE_SCALES in known:
            whole, scales = known[name + _WHOLE], known[name + _WHOLE_SCALES]
            if _is_rounded(whole, scales, origin):
                made += _round_again(graph, whole, scales.name, origin, stored)
        elif name + _BLOCKS in known and name + _BLOCK_SCALES in known:
            blocks, scales = known[name + _BLOCKS], known[name + _BLOCK_SCALES]
            if _is_in_blocks(blocks, scales, origin):
                made += _cut_into_blocks(graph, blocks, scales, origin, stored)
    put_before(graph, made)


def _is_rounded(whole: onnx.TensorProto, scales: onnx.TensorProto, origin: Origin) -> bool:
    steps = np.rint(origin.floats() / numpy_helper.to_array(scales))
    found = numpy_helper.to_array(whole)
    same = found.dtype == np.int8 and found.shape == steps.shape
    return same and bool(np.abs(found - steps).max() <= 1)  # 1: half a step is rounded either way


def _is_in_blocks(blocks: onnx.TensorProto, scales: onnx.TensorProto, origin: Origin) -> bool:
    """Whether blocks are the columns of the matrix, of which all belong to the same."""
    of_block, found = numpy_helper.to_array(scales), numpy_helper.to_array(blocks)
    matrix = origin.floats()
    if not origin.turned or origin.even is not None or found.size != matrix.size:
        return False
    steps = found.reshape(of_block.size, -1).astype(np.float32) - _MIDDLE
    step = of_block.reshape(-1, 1)
    off = np.abs(steps * step - np.ascontiguousarray(matrix.T).reshape(steps.shape))
    return bool((off <= _FAR * np.abs(step)).all())


def _round_again(
    graph: onnx.GraphProto,
    whole: onnx.TensorProto,
    scales: str,
    origin: Origin,
    stored: StoredWeights,
) -> list[onnx.NodeProto]:
    name, n_outputs = whole.name, whole.dims[1]
    stored_as, exact, even = f"{name}_stored", f"{name}_exact", f"{name}_even"
    initializers = stored.steps(name, origin.weight)
    initializers.append(numpy_helper.from_array(np.zeros(n_outputs, np.int8), f"{name}_zeros"))
    nodes = []
    if origin.turned:
        turned = f"{name}_turned"
        nodes.append(helper.make_node("Transpose", [stored_as], [turned], perm=[1, 0]))
        stored_as = turned
    axis = 1 if origin.turned else 0
    of_rows = f"{name}_scale_of_rows"
    nodes.append(helper.make_node("DequantizeLinear", [stored_as, of_rows], [exact], axis=axis))
    if origin.even is not None:
        initializers.append(numpy_helper.from_array(origin.even[:, None], f"{even}_by"))
        nodes.append(helper.make_node("Mul", [exact, f"{even}_by"], [even]))
        exact = even
    inputs = [exact, scales, f"{name}_zeros"]
    nodes.append(helper.make_node("QuantizeLinear", inputs, [name], axis=1))
    _swap(graph, [whole], initializers)
    return nodes


def _cut_into_blocks(
    graph: onnx.GraphProto,
    blocks: onnx.TensorProto,
    scales: onnx.TensorProto,
    origin: Origin,
    stored: StoredWeights,
) -> list[onnx.NodeProto]:
    """Blocks of the stored numbers themselves, which are rounded but once."""
    name, n_rows = blocks.name, origin.weight.place.shape[0]
    n_blocks = int(np.prod(scales.dims)) // n_rows
    constants: dict[str, np.ndarray] = {
        f"{name}_middle": np.array(_MIDDLE, np.int32),
        f"{name}_shape": np.array(blocks.dims, np.int64),
        f"{name}_row": np.array([n_rows, 1], np.int64),
        f"{name}_by_row": np.array([n_rows, n_blocks], np.int64),
        f"{name}_of_scales": np.array(scales.dims, np.int64),
    }
    initializers = stored.steps(name, origin.weight)
    initializers += [numpy_helper.from_array(array, key) for key, array in constants.items()]
    middle, shape, row, by_row, of_scales = constants
    make = helper.make_node
    nodes = [
        make("Cast", [f"{name}_stored"], [f"{name}_wide"], to=TensorProto.INT32),
        make("Add", [f"{name}_wide", middle], [f"{name}_moved"]),
        make("Cast", [f"{name}_moved"], [f"{name}_narrow"], to=TensorProto.UINT8),
        make("Reshape", [f"{name}_narrow", shape], [name]),
        make("Reshape", [f"{name}_scale_of_rows", row], [f"{name}_of_row"]),
        make("Expand", [f"{name}_of_row", by_row], [f"{name}_of_blocks"]),
        make("Reshape", [f"{name}_of_blocks", of_scales], [scales.name]),
    ]
    _swap(graph, [blocks, scales], initializers)
    return nodes


def _swap(
    graph: onnx.GraphProto, old: Sequence[onnx.TensorProto], new: Sequence[onnx.TensorProto]
) -> None:
    for tensor in old:
        graph.initializer.remove(tensor)
    graph.initializer.extend(new)
