"""The file `onnx.json` of an exported model's folder."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ...atomic import write_whole
from ..files.json_file import read_checked
from ..files.schemas import FormatOnly, Part
from ..place import ModelPlace

DESCRIPTION = "onnx.json"
BODY, WORDS = "model.onnx", "words.onnx"
FORMAT = 1
Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
# Of a file in the same folder, so that a description leads nowhere else.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$")]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Stored(Part):
    """A tensor of a safetensors file."""

    file: FileName
    name: Annotated[str, Field(max_length=500)]


class HeadPart(Part):
    """As `lm.onnx.head.Head`."""

    weight: Stored
    bias: Stored | None = None
    softcap: Finite | None = None
    scale: Finite = 1.0


class LayerPart(Part):
    """As `lm.onnx.passes.LayerShape`."""

    heads: Size
    key_size: Size
    value_size: Size


class TokensPart(Part):
    """As `FastTokenizer` has them."""

    bos_token: str | None = None
    eos_token: str | None = None
    unk_token: str | None = None


class Description(Part):
    """What a folder has for the ONNX runtime.

    body: graph of the model without embeddings and head. weights: files whose bytes the graphs
    name. layouts: of these, a digest of where in the file which weights are. edition: what the
    graphs' metadata have, too; exports of earlier versions have neither. embedding_scale: what
    embeddings are multiplied by. window: of sliding attention. layers: what each keeps of a pass.
    head: None of a model that points; words: graph of its words.
    """

    format: int = FORMAT
    precision: Precision
    body: FileName = BODY
    weights: list[FileName] = Field(default_factory=list, max_length=10_000)
    layouts: dict[FileName, Annotated[str, Field(max_length=64)]] = Field(default_factory=dict)
    edition: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    tokens: TokensPart
    embeddings: Stored
    embedding_scale: Finite = 1.0
    layers: list[LayerPart] = Field(default_factory=list, max_length=1_000)
    window: Size | None = None
    max_positions: Annotated[int, Field(ge=1)] | None = None
    head: HeadPart | None = None
    words: FileName | None = None

    def write(self, folder: Path) -> None:
        write_whole(folder / DESCRIPTION, self.model_dump_json(indent=1) + "\n")


def read_description(place: ModelPlace) -> Description | None:
    """None where the model was not exported. Raises ValueError naming the file for one that is
    broken, or written by a newer release."""
    path = place.file(DESCRIPTION)
    if path is None:
        return None
    if (written := read_checked(path, FormatOnly).format) > FORMAT:
        raise ValueError(f"{path} was written by a newer spacy-padellm (format {written}): upgrade")
    return read_checked(path, Description)
