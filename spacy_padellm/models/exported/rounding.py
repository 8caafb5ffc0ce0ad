"""Matrices of a graph in 8 bits, so that as little as possible changes.

A pass rounds its activations by the largest of them, which some columns and tokens exceed by far:
of the 256 steps the rest then gets few. So columns are evened out first, by what is taken from the
activations and given to the matrix (Xiao et al., SmoothQuant, 2023). Where a layer comes back to
the model's width from a wider one, some tokens are far above the others as well, and activations
are rounded in small blocks of each token. Of a pass of MiniLM's the states then move by a few
hundredths of their spread, where all matrices rounded as they are move them by a tenth.
"""

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.onnx_model import ONNXModel

from ...lm.onnx.graph import Graph
from ...lm.onnx.model import ROUNDED_TOLERANCE
from ...lm.onnx.passes import STATES
from ...plurals import count
from .rounding_at_load import find_origin, round_at_load
from .serialized import serialize
from .stored_weights import StoredWeights

_SHARE = 0.65  # of the unevenness that is taken from the activations
_LEAST = 1e-5
_BLOCK = 128  # numbers that are rounded together
_INT8_PRODUCTS = 4  # onnxruntime's accuracy level: products of 8-bit numbers

Feeds = Mapping[str, np.ndarray]


def round_matrices(
    graph: onnx.ModelProto,
    width: int,
    examples: Sequence[Feeds],
    exact: Sequence[np.ndarray],
    stored: StoredWeights,
) -> onnx.ModelProto:
    """width: of the model's states. examples: what the graph is run on to see its activations.
    exact: the states that the model has for these before anything is rounded. stored: the files of
    the model; matrices that they have in 8 bits are made of those.

    Norms stay as they are; embeddings and head are not in the graph. Raises ValueError for a model
    that this changes too much.
    """
    whole = ONNXModel(graph)
    whole.replace_gemm_with_matmul()
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    matrices = [n for n in graph.graph.node if n.op_type == "MatMul" and n.input[1] in weights]
    wide = [node for node in matrices if weights[node.input[1]].dims[0] > width]
    narrow = [node for node in matrices if weights[node.input[1]].dims[0] <= width]
    names = dict.fromkeys(node.input[1] for node in matrices)
    found = {n: find_origin(numpy_helper.to_array(weights[n]), stored) for n in names}
    peaks = _watch(graph, [node.input[0] for node in narrow], examples)
    even = _even_out(graph, narrow, peaks)
    origins = {n: replace(one, even=even.get(n)) for n, one in found.items() if one is not None}
    with tempfile.TemporaryDirectory() as temporary, _quietly():
        before, rounded = Path(temporary) / "before.onnx", Path(temporary) / "rounded.onnx"
        before.write_bytes(serialize(graph))
        quantize_dynamic(
            before,
            rounded,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in wide],
            extra_options={"MatMulConstBOnly": True},
        )
        from onnxruntime.quantization.matmul_nbits_quantizer import (  # it sets up logging
            DefaultWeightOnlyQuantConfig,
            MatMulNBitsQuantizer,
        )

        blocks = DefaultWeightOnlyQuantConfig(
            block_size=_BLOCK, is_symmetric=True, accuracy_level=_INT8_PRODUCTS, bits=8
        )
        quantizer = MatMulNBitsQuantizer(onnx.load(str(rounded)), algo_config=blocks)
        quantizer.process()
        rounded.write_bytes(serialize(quantizer.model.model))
        _check_states(exact, [one for (one,) in _run(rounded, [STATES], examples)])
    rounded_graph = quantizer.model.model
    round_at_load(rounded_graph.graph, origins, stored)
    return rounded_graph


def _watch(
    graph: onnx.ModelProto, names: Sequence[str], examples: Sequence[Feeds]
) -> dict[str, np.ndarray]:
    """The largest size of each column of some activations."""
    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    wanted = list(dict.fromkeys(names))
    known = {output.name for output in watched.graph.output}
    for name in wanted:
        if name not in known:
            watched.graph.output.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            )
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "watched.onnx"
        path.write_bytes(serialize(watched))
        for values in _run(path, wanted, examples):
            for name, value in zip(wanted, values, strict=True):
                peak = np.abs(value).reshape(-1, value.shape[-1]).max(0)
                found[name] = np.maximum(found.get(name, 0), peak)
    return found


def _run(
    path: Path, outputs: Sequence[str], examples: Sequence[Feeds]
) -> Iterator[list[np.ndarray]]:
    runner = Graph(path)
    for feeds in examples:
        yield runner.run(outputs, {n: array for n, array in feeds.items() if n in runner.inputs})


def _check_states(exact: Sequence[np.ndarray], rounded: Sequence[np.ndarray]) -> None:
    """Raises ValueError where the states of all examples together are too far from the model's."""
    before, after = (
        np.concatenate([array.reshape(-1) for array in states]) for states in (exact, rounded)
    )
    apart = float(np.sqrt(np.square(after - before).mean()) / max(before.std(), 1e-9))
    if not apart <= ROUNDED_TOLERANCE:
        raise ValueError(
            f"in 8 bits this model gives other numbers: on {count(len(exact), 'text')}, what its "
            f"head and pointers read is {apart:.2f} standard deviations off, and "
            f"{ROUNDED_TOLERANCE} is the most. Give --precision fp32, or, if the model was not "
            f"trained yet, train it first"
        )


def _even_out(
    graph: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], peaks: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Divides columns of the nodes' activations, and multiplies the rows of their matrices. Returns
    by what, for the names of the matrices."""
    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    by_input: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        by_input.setdefault(node.input[0], []).append(node)
    before: dict[str, onnx.NodeProto] = {}
    even: dict[str, np.ndarray] = {}
    for name, readers in by_input.items():
        matrices = [numpy_helper.to_array(weights[node.input[1]]) for node in readers]
        sizes = np.max([np.abs(matrix).max(1) for matrix in matrices], axis=0)
        scale = np.maximum(peaks[name], _LEAST) ** _SHARE
        scale = (scale / np.maximum(sizes, _LEAST) ** (1 - _SHARE)).astype(np.float32)
        scale /= np.exp(np.log(scale).mean())
        graph.graph.initializer.append(numpy_helper.from_array(1 / scale, f"{name}_scale"))
        before[readers[0].name] = helper.make_node(
            "Mul", [name, f"{name}_scale"], [f"{name}_even"], name=f"{name}_even_out"
        )
        for node, matrix in zip(readers, matrices, strict=True):
            changed = numpy_helper.from_array(
                np.ascontiguousarray(matrix * scale[:, None]), node.input[1]
            )
            weights[node.input[1]].CopyFrom(changed)
            even[node.input[1]] = scale
            node.input[0] = f"{name}_even"
    in_order = []
    for node in graph.graph.node:
        if node.name in before:
            in_order.append(before[node.name])
        in_order.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in in_order]
    del graph.graph.node[:]
    graph.graph.node.extend(copies)
    return even


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice of onnxruntime's tools, which speak and set up logging for everybody."""
    root = logging.root
    disabled, handlers, level = root.manager.disable, root.handlers[:], root.level
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)
