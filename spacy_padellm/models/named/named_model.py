"""What a name stands for: a model's files on this machine, and what is to be known of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...prompts.template import PromptTemplate

GGUF = ".gguf"
_MOST_OF_CARD = 160  # characters of what a model is, in a list


@dataclass(frozen=True)
class NamedModel:
    """path: absolute; a folder as `save_model` or transformers writes it, with an adapter in it or
    without; or a GGUF file; or the files that are one when joined. template: what the model was
    trained to be asked, where its folder has no padellm.json that says so. licence: as the Hub
    names them ("apache-2.0"). card: what it is, in a line or in a file (Markdown). hub: id of the
    same model on the Hub, for cards of models that are made of it. encoder: whether the folder
    holds a BERT encoder, which is made into a causal LM before its first use.

    Raises ValueError for a path that is not there or not absolute, and for a value of another type.
    """

    path: Path | tuple[Path, ...]
    template: PromptTemplate | None = None
    licence: str = ""
    card: str | Path = ""
    hub: str = ""
    encoder: bool = False

    def __post_init__(self) -> None:
        for name, kinds in _TYPES.items():
            if not isinstance(value := getattr(self, name), kinds):
                raise ValueError(f"{name} of a model cannot be {str(value)[:60]!r}")
        if not self.files or not all(isinstance(path, Path) for path in self.files):
            raise ValueError(f"path of a model must be a Path or several, not {self.path!r}")
        for path in self.files:
            if not path.is_absolute():
                raise ValueError(f"path of a model must be absolute, not {str(path)!r}")
        if self.is_gguf:
            for path in self.files:
                if not path.is_file():
                    raise ValueError(f"there is no file {path}")
            if self.encoder:
                raise ValueError(f"an encoder must be a folder, not the file {self.files[0]}")
        elif not self.files[0].is_dir():
            raise ValueError(f"there is no folder {self.files[0]}")

    @property
    def files(self) -> tuple[Path, ...]:
        """The folder alone, or the GGUF file, or its parts."""
        return self.path if isinstance(self.path, tuple) else (self.path,)

    @property
    def is_gguf(self) -> bool:
        return isinstance(self.path, tuple) or self.path.suffix.lower() == GGUF

    @property
    def is_ready(self) -> bool:
        """Whether it is a folder that can be read as it is."""
        return not (self.is_gguf or self.encoder)

    @property
    def about(self) -> str:
        """What the model is, in one line: of a file, the first of its text."""
        if isinstance(self.card, str):
            return self.card
        try:
            text = self.card.read_text(encoding="utf8", errors="replace")
        except OSError:
            return ""
        line = next(_prose(text), "")
        return line if len(line) <= _MOST_OF_CARD else line[:_MOST_OF_CARD] + "…"


_TYPES: dict[str, type | tuple[type, ...]] = {
    "path": (Path, tuple),
    "template": (PromptTemplate, type(None)),
    "licence": str,
    "card": (str, Path),
    "hub": str,
    "encoder": bool,
}


def _prose(text: str) -> Iterator[str]:
    """Lines of Markdown without the head of a model card, titles, pictures and code."""
    parts = text.split("---\n", 2)
    body = parts[2] if len(parts) == 3 and not parts[0].strip() else text
    for line in body.splitlines():
        if (line := line.strip()) and line[0] not in "#<!`|[-*":
            yield line
