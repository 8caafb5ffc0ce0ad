"""Matrices of a graph in 8 bits, a scale for each column; activations are rounded as they come."""

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

_LAYER = re.compile(r"/(?:layers?|h|blocks?)\.(\d+)/")


def round_matrices(graph: onnx.ModelProto, width: int) -> onnx.ModelProto:
    """width: of the model's states.

    Three kinds stay as they are. What a layer brings back to the model's width from a wider one:
    there some activations are far above all others, and of 256 steps between them the rest gets
    few (in the model in the box these alone make more than half of the error). The last layer,
    whose states are what head or pointers read. And norms, which are not in matrices; embeddings
    and head are not in the graph.
    """
    numbers = {node.name: int(m[1]) for node in graph.graph.node if (m := _LAYER.search(node.name))}
    last = max(numbers.values(), default=0)
    sides = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    kept = [name for name, number in numbers.items() if number == last and last > 0]
    for node in graph.graph.node:
        wide = [name for name in node.input if len(sides.get(name, ())) == 2]
        if node.op_type in ("MatMul", "Gemm") and any(sides[n][0] > width for n in wide):
            kept.append(node.name)
    with tempfile.TemporaryDirectory() as temporary, _quietly():
        whole, rounded = Path(temporary) / "whole.onnx", Path(temporary) / "rounded.onnx"
        onnx.save(graph, str(whole))
        quantize_dynamic(
            whole,
            rounded,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(dict.fromkeys(kept)),
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(str(rounded))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice, on the root logger, to look at examples."""
    root = logging.getLogger()
    root.addFilter(_is_no_advice)
    try:
        yield
    finally:
        root.removeFilter(_is_no_advice)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()
