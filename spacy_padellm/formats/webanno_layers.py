"""The layers that the head of a WebAnno TSV names, and which of their columns say what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ROLE = "ROLE_"  # the roles of a slot; the column behind it has their targets
# Layers of DKPro that are about words and sentences.
_LINGUISTIC = re.compile(
    r"\.(?:lexmorph|segmentation|syntax|transform|anomaly|pdf|metadata|phonetics|structure)\."
)


@dataclass(frozen=True)
class Layer:
    """kind: "SP" for spans, "RL" relations, "CH" chains. features: a column each. is_read: whether
    its spans are taken for entities."""

    kind: str
    name: str
    features: tuple[str, ...]
    is_read: bool = False

    @property
    def width(self) -> int:
        """Its columns; one without a feature says where the spans are."""
        return max(len(self.features), 1)

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def label(self) -> int | None:
        """The column of the feature that names an entity; None where there is none, and the layer
        itself does."""
        if "value" in self.features:
            return self.features.index("value")
        return next((i for i in self._plain if self.features[i] != "identifier"), None)

    @property
    def ids(self) -> int:
        """The column that says which of its spans cover a token."""
        return self.label if self.label is not None else next(iter(self._plain), 0)

    @property
    def ids_are_roles(self) -> bool:
        """Whether that column is one of roles, which is empty for a span without any."""
        return bool(self.features) and self.features[self.ids].startswith(_ROLE)

    @property
    def _plain(self) -> list[int]:
        """The columns of features that are no slots."""
        slots = [i for i, feature in enumerate(self.features) if feature.startswith(_ROLE)]
        taken = {*slots, *(i + 1 for i in slots)}
        return [i for i in range(len(self.features)) if i not in taken]


def read_layers(heads: Sequence[str]) -> list[Layer]:
    """The layers in the order of their columns. Those of named entities are read, or else all of
    spans that are not linguistic; a document without entities may have neither."""
    layers = []
    for head in heads:
        kind, _, said = head[len("#T_") :].partition("=")
        name, *features = said.split("|")
        layers.append(Layer(kind, name, tuple(feature for feature in features if feature)))
    spans = [layer for layer in layers if layer.kind == "SP"]
    entities = [layer for layer in spans if layer.short == "NamedEntity"]
    read = entities or [layer for layer in spans if not _LINGUISTIC.search(f".{layer.name}")]
    return [Layer(one.kind, one.name, one.features, one in read) for one in layers]
