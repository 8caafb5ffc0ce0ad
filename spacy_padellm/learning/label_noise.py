"""Labels under other names, so that a model learns to read names and descriptions.

For zero-shot use: a model that has only ever seen `PER` learns that string; one that has seen
"person", "human being" and placeholders with a description reads what it is asked.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..formats.gold_text import GoldText
from ..spans.numeric import check_number


@dataclass(frozen=True)
class LabelNoise:
    """How training names labels; drawn anew for each batch.

    names: label → other names for it.
    rename: how often (0 to 1) a label takes one of them.
    spelling: how often a name is spelt differently: "Simple_chemical" as "simple chemical",
    "Simple chemical" or "SIMPLE CHEMICAL".
    placeholder: how often a label that has a description is called "label 17" or the like, so that
    only the description says what it is.
    describe: how often a description is shown.

    Raises ValueError for a rate outside 0 to 1.
    """

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rename: float = 0.5
    placeholder: float = 0.0
    describe: float = 1.0
    spelling: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rename", "placeholder", "describe", "spelling"):
            check_number(f"label_noise.{name}", getattr(self, name), least=0, most=1)
        for label, others in self.names.items():
            if isinstance(others, str) or not all(isinstance(o, str) and o for o in others):
                raise ValueError(f"label_noise.names: {label!r} needs a list of names")

    @classmethod
    def read(cls, block: Mapping[str, Any] | None) -> "LabelNoise | None":
        """From a config block; None for none. Raises ValueError for a field that is unknown."""
        if block is None:
            return None
        known = [f.name for f in fields(cls)]
        if unknown := [name for name in block if name not in known]:
            raise ValueError(
                f"label_noise has no field {', '.join(unknown)}: it has {', '.join(known)}"
            )
        names = block.get("names") or {}
        return cls(**{**block, "names": dict(names)})  # or pairs, where a name has a ":"

    def draw(
        self, labels: Sequence[str], descriptions: Mapping[str, str], rng: random.Random
    ) -> "DrawnLabels":
        """Names for the labels of a batch, all different."""
        names: dict[str, str] = {}
        shown: dict[str, str] = {}
        taken = set(labels)
        for label in labels:
            name, text = label, descriptions.get(label, "")
            if text and rng.random() < self.placeholder:
                name = f"label {rng.randrange(1, 1000)}"
            else:
                text = text if rng.random() < self.describe else ""
                if self.names.get(label) and rng.random() < self.rename:
                    name = rng.choice(list(self.names[label]))
                if self.spelling and rng.random() < self.spelling:
                    name = rng.choice(spellings(name) or [name])
            if name in taken:
                name = label
            taken.add(name)
            names[label] = name
            if text:
                shown[name] = text
        return DrawnLabels(names, shown)


@dataclass(frozen=True)
class DrawnLabels:
    """names: label → what it is called. descriptions: of the names that show one."""

    names: Mapping[str, str]
    descriptions: Mapping[str, str]

    def rename(self, gold: GoldText) -> GoldText:
        """The text with its labels under their new names."""
        spans = tuple(
            (s, e, self.names[label]) for s, e, label in gold.spans if label in self.names
        )
        asked = tuple(self.names[label] for label in gold.labels if label in self.names)
        return replace(gold, spans=spans, labels=asked)


def spellings(name: str) -> list[str]:
    """Other ways to write the name of a label, as words apart: small, capitalised, in capitals."""
    words = re.sub(r"[_/-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip()
    if not words:
        return []
    ways = [words.lower(), words[0].upper() + words[1:].lower(), words.upper()]
    return [way for way in dict.fromkeys(ways) if way != name]
