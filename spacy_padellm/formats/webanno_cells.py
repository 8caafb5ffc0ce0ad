"""The head and the cells of WebAnno TSV 3: layers, stacked values, ids, escapes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .annotated_text import FormatError

NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
_RESERVED = re.compile(r"\\|\[|\]|\||_|->|;|\t|\n|\*")
_SHORT = {"\t": "\\t", "\n": "\\n"}
_TEXT_ESCAPES = {"\t": "t", "\n": "n", "\f": "f", "\r": "r", "\b": "b", "\\": "\\"}
_TEXT_CHARS = {escape: char for char, escape in _TEXT_ESCAPES.items()}
_STACKED = re.compile(r"(?:\\.|[^|\\])+", re.DOTALL)
_ITEM = re.compile(r"((?:\\.|[^\[\\])*)(?:\[(\d+)\])?", re.DOTALL)
# Layers of DKPro that are about words and sentences.
_LINGUISTIC = re.compile(
    r"\.(?:lexmorph|segmentation|syntax|transform|anomaly|pdf|metadata|phonetics|structure)\."
)


@dataclass(frozen=True)
class Layer:
    """kind: "SP" for spans, "RL" relations, "CH" chains. label: which feature names the entity;
    None where the layer is not read."""

    kind: str
    name: str
    features: tuple[str, ...]
    label: int | None = None

    @property
    def width(self) -> int:
        """Its columns."""
        return max(len(self.features), 1)

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


def read_layers(path: Path, heads: Sequence[str]) -> list[Layer]:
    """The layers in the order of their columns. Raises FormatError where none has entities."""
    layers = []
    for head in heads:
        kind, _, said = head[len("#T_") :].partition("=")
        name, *features = said.split("|")
        layers.append(Layer(kind, name, tuple(feature for feature in features if feature)))
    spans = [layer for layer in layers if layer.kind == "SP"]
    entities = [layer for layer in spans if layer.short == "NamedEntity"]
    read = entities or [layer for layer in spans if not _LINGUISTIC.search(f".{layer.name}")]
    if not read:
        names = ", ".join(layer.short for layer in layers) or "none"
        mend = "Export the document with the layer of its entities"
        raise FormatError(path, 1, f"no layer of entities (layers: {names})", mend)
    return [
        Layer(layer.kind, layer.name, layer.features, _label(layer) if layer in read else None)
        for layer in layers
    ]


def _label(layer: Layer) -> int:
    if "value" in layer.features:
        return layer.features.index("value")
    named = [
        i
        for i, feature in enumerate(layer.features)
        if feature != "identifier" and not feature.startswith(("ROLE_", "BT_"))
    ]
    return named[0] if named else 0


def read_cell(path: Path, line: int, cell: str) -> list[tuple[str, str | None]]:
    """(id, value) of each annotation in a cell; id "" for one of this token alone, value None where
    it has none. Raises FormatError for a cell that is none."""
    if cell in ("_", ""):
        return []
    found = []
    for stacked in _STACKED.finditer(cell):
        match = _ITEM.fullmatch(stacked[0])
        if not match:
            raise FormatError(path, line, f"{cell!r} is no cell", "Export the document anew")
        value = None if match[1] == "*" else _unescape_value(match[1])
        found.append((match[2] or "", value))
    return found


def escape_value(value: str) -> str:
    """A value as a cell has it."""
    return _RESERVED.sub(lambda match: _SHORT.get(match[0], "\\" + match[0]), value)


def _unescape_value(value: str) -> str:
    chars = {"\\t": "\t", "\\n": "\n"}
    return re.sub(r"\\.", lambda m: chars.get(m[0], m[0][1:]), value, flags=re.DOTALL)


def escape_text(text: str) -> str:
    """A text on one line: control characters and the backslash are escaped."""
    return re.sub(
        r"[\x00-\x0a\x0c-\x1f\\]",
        lambda match: "\\" + _TEXT_ESCAPES.get(match[0], match[0]),
        text,
    )


def unescape_text(text: str) -> str:
    """Version 3.2 and later; a backslash before another character stays."""
    return re.sub(
        r"\\(.)",
        lambda m: _TEXT_CHARS.get(m[1], m[1] if m[1] < " " else m[0]),
        text,
        flags=re.DOTALL,
    )
