"""Adapters in this package, for bases that come with an extra of it."""

from dataclasses import dataclass
from pathlib import Path

from .named_model import NamedModel
from .packaged import SMOLLM2, PackagedModel

_MODELS = Path(__file__).parents[1]


@dataclass(frozen=True)
class PackagedAdapter:
    """name: of the model that base and adapter are together. folder: of the adapter, which names
    the base. licence: of the adapter's weights. about: what it is, in one line."""

    name: str
    folder: Path
    base: PackagedModel
    licence: str
    about: str

    @property
    def package(self) -> str:
        return self.base.package

    @property
    def install(self) -> str:
        return self.base.install

    @property
    def version(self) -> str:
        """Of the package with the base. Raises as a call."""
        return self.base.version

    def __call__(self) -> NamedModel:
        """Raises as a call of the base."""
        self.base()
        return NamedModel(self.folder, licence=self.licence, card=self.about)


ENGLISH_SMOLLM2 = PackagedAdapter(
    name="english-smollm2",
    folder=_MODELS / "english_smollm2",
    base=SMOLLM2,
    licence="cc-by-sa-4.0",
    about="SmolLM2 with an adapter that finds PER, ORG and LOC in English",
)
