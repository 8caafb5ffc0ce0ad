"""How a base is tuned: the same for all formats of a set."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """base: a name, the folder of a model, or a GGUF file. texts: for training, drawn with the
    seed; None for all. test_texts: None for all. steps: at most, for a try; None for all epochs.
    batch_tokens: of the texts alone, in a step, so that steps are the same for all formats.
    precision: in which training multiplies matrices. dtype: of the base's weights, and in which a
    tuned model decodes; an adapter is in float32."""

    base: str
    texts: int | None = None
    epochs: int = 2
    test_texts: int | None = None
    steps: int | None = None
    batch_tokens: int = 512
    learn_rate: float = 5e-4
    rank: int = 16
    precision: str = "bfloat16"
    dtype: str = "float32"

    @property
    def base_name(self) -> str:
        return Path(self.base).name

    def record(self) -> dict[str, Any]:
        """In plain values, of a folder or a file its name alone: either may move."""
        base = self.base_name if Path(self.base).exists() else self.base
        return {**asdict(self), "base": base}
