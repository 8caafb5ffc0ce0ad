"""Graphs as bytes, of which protobuf takes less than 2 GB."""

import onnx

MOST_BYTES = 2**31 - 1


def serialize(graph: onnx.ModelProto) -> bytes:
    """Raises ValueError for a graph with more weights in it than protobuf takes; those that it
    names in other files do not count."""
    tensors = graph.graph.initializer
    size = sum(len(tensor.raw_data) for tensor in tensors)
    if size > MOST_BYTES:
        largest = max(tensors, key=lambda tensor: len(tensor.raw_data))
        raise ValueError(
            f"the model cannot be exported: {size / 1e9:.1f} GB of its weights, such as "
            f"{largest.name}, are in none of its files as they are in the graph, which can hold "
            f"{MOST_BYTES / 1e9:.1f} GB: run it with runtime = 'torch'"
        )
    return graph.SerializeToString()
