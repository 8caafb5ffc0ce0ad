"""The edition of an export, by which graphs and description know that they belong together."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import onnx

from ...lm.onnx.graph import EDITION
from ..prepared.content import read_blocks
from .serialized import serialize


def mark_edition(graphs: Iterable[onnx.ModelProto], folder: Path) -> str:
    """Writes into the graphs which export they are of: a digest of them and of all other files of
    the folder. Returns it. Raises ValueError for a graph that cannot be written."""
    digest = sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        for block in read_blocks(path):
            digest.update(block)
    graphs = list(graphs)
    for graph in graphs:
        digest.update(serialize(graph))
    found = digest.hexdigest()[:16]
    for graph in graphs:
        graph.metadata_props.add(key=EDITION, value=found)
    return found
