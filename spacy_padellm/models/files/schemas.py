"""What the files of a model's folder may say: types and bounds.

Those of numbers in files of Hugging Face are in `bounds`.
"""

import dataclasses
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)

from ...prompts.template import MOST_COUNT, PromptTemplate
from ...spans.calibration import Calibration
from .bounds import MOST_LAYERS, MOST_POSITIONS, MOST_SIZE, check_adapter, check_config

MOST_LABELS = 20_000
MOST_LABEL = 1_000  # characters

Label = Annotated[str, Field(min_length=1, max_length=MOST_LABEL)]
Text = Annotated[str, Field(max_length=100_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
SafeName = Annotated[str, Field(pattern=r"^[^/\\:]+\.safetensors$", max_length=255)]


def check_labels(labels: Collection[str]) -> None:
    """Raises ValueError for labels that no model's folder can hold: that are blank or endless,
    are there twice, or are too many."""
    if len(labels) > MOST_LABELS:
        raise ValueError(f"there are {len(labels)} labels, and {MOST_LABELS} are the most")
    seen: set[str] = set()
    for label in labels:
        if not label.strip():
            raise ValueError(f"{label!r} is not the name of a label")
        if len(label) > MOST_LABEL:
            raise ValueError(f"the label {label[:40]!r}… has more than {MOST_LABEL} characters")
        if label in seen:
            raise ValueError(f"the label {label!r} is there twice")
        seen.add(label)


class Part(BaseModel):
    """strict: nothing is converted; "forbid": what is not known is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Open(BaseModel):
    """A file of others, of which only some fields are ours to check."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


# --- padellm.json


class BasePart(Part):
    name: Annotated[str, Field(min_length=1, max_length=4_096)]
    revision: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class CalibrationPart(Part):
    slope: Annotated[Finite, Field(gt=0)]
    intercept: Finite


class MadeOfPart(Part):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    licence: Annotated[str, Field(min_length=1, max_length=255)]


def _template_fields() -> dict[str, Any]:
    """Those of `PromptTemplate`, whose own checks follow."""
    kinds = {str: Text, bool: bool, int: int}
    return {
        field.name: (
            kinds[field.type],  # type: ignore[index]
            ... if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(PromptTemplate)
    }


TemplatePart: type[Part] = create_model("TemplatePart", __base__=Part, **_template_fields())
Template = Annotated[
    TemplatePart,  # type: ignore[valid-type]
    AfterValidator(lambda part: PromptTemplate(**part.model_dump())),
]
Fitted = Annotated[CalibrationPart, AfterValidator(lambda part: Calibration(**part.model_dump()))]


class FormatOnly(Open):
    """Read first: a file of a newer release may be otherwise in everything else."""

    format: Annotated[int, Field(ge=0)] = 0


class SettingsFile(Open):
    """padellm.json; a newer release may have added fields that change nothing here."""

    template: Template | None = None
    labels: list[str] | None = None
    descriptions: dict[str, Text] | None = None
    max_count: Annotated[int, Field(ge=1, le=MOST_COUNT)] | None = None
    base: BasePart | None = None
    calibration: Fitted | None = None
    window: Annotated[int, Field(ge=1, le=MOST_POSITIONS)] | None = None
    start_threshold: Annotated[Finite, Field(gt=0, lt=1)] | None = None
    made_of: MadeOfPart | None = None

    @field_validator("labels")
    @classmethod
    def _usable(cls, labels: list[str] | None) -> list[str] | None:
        check_labels(labels or ())
        return labels


# --- headers of safetensors


class TensorPart(Open):
    """data_offsets: where it begins and ends, in bytes, behind the header."""

    dtype: str
    shape: list[Annotated[int, Field(ge=0)]]
    data_offsets: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class HeaderFile(Open):
    """Fields that are not known here are tensors."""

    __pydantic_extra__: dict[str, TensorPart]

    metadata: dict[str, str] | None = Field(default=None, alias="__metadata__")

    @property
    def tensors(self) -> dict[str, TensorPart]:
        return self.__pydantic_extra__


# --- pointers.safetensors, in its metadata


class PointersPart(Open):
    """Sizes of pointers, as `lm.pointers.Pointers` has them."""

    hidden: Annotated[int, Field(ge=1, le=65_536)]
    labels: list[Label]
    width: Annotated[int, Field(ge=1, le=65_536)]
    depth: Annotated[int, Field(ge=0, le=64)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights beside those of words."""
        size, n = self.hidden + self.width, max(len(self.labels), 1)
        return {
            "pieces.weight": (4, self.width),
            "into.weight": (self.hidden, self.width),
            "into.bias": (self.hidden,),
            "norm.weight": (size,),
            "norm.bias": (size,),
            "label_norm.weight": (self.hidden,),
            "label_norm.bias": (self.hidden,),
            "query.weight": (2 * size, self.hidden),
            "query.bias": (2 * size,),
            "own.weight": (n, 2 * size),
            "bias.weight": (n, 2),
            "rare": (2,),
        }


# --- files of Hugging Face


class ConfigFile(Open):
    """config.json; transformers checks the types of the fields of each architecture."""

    model_type: str | None = None
    architectures: list[str] | None = None
    auto_map: Any = None
    transformers_weights: (
        Annotated[str, Field(pattern=r"^[^/\\:]+\.safetensors(\.index\.json)?$")] | None
    ) = None
    quantization_config: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bounds(cls, data: Any) -> Any:
        check_config(data)
        return data


class IndexFile(Open):
    """model.safetensors.index.json."""

    metadata: dict[str, Any] = Field(default_factory=dict)
    weight_map: Annotated[dict[str, SafeName], Field(min_length=1)]


class AddedTokenPart(Open):
    id: Annotated[int, Field(ge=0, le=MOST_SIZE)]
    content: str


class TokenizerFile(Open):
    """tokenizer.json; the rest is checked by tokenizers."""

    model: dict[str, Any]
    added_tokens: list[AddedTokenPart] | None = None


class TokenizerConfigFile(Open):
    tokenizer_class: str | None = None
    auto_map: Any = None
    model_max_length: Annotated[int | Finite, Field(ge=0)] | None = None


TokenIds = int | list[int] | None


class GenerationFile(Open):
    """generation_config.json, which is kept for whoever generates with the model."""

    bos_token_id: TokenIds = None
    eos_token_id: TokenIds = None
    pad_token_id: TokenIds = None


class ObjectFile(Open):
    """Of which nothing is known but that it is an object."""


class LoftQPart(Open):
    loftq_iter: Annotated[int, Field(ge=0, le=100)] | None = None


Names = Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=100_000)]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Pattern = Annotated[str, Field(max_length=20_000)]
Ranks = Annotated[dict[Pattern, Any], Field(max_length=10_000)]
_REFUSED = {
    "megatron_config": "for which peft imports the module that megatron_core names",
    "alora_invocation_tokens": "after which alone it is on, and a prompt tree has no such place",
}


class AdapterFile(Open):
    """adapter_config.json; what makes peft import or read anything else is refused."""

    peft_type: str
    task_type: str | None = None
    r: Annotated[int, Field(ge=0, le=65_536)] | None = None
    target_modules: Pattern | Names | None = None
    exclude_modules: Pattern | Names | None = None
    modules_to_save: Names | None = None
    rank_pattern: Ranks | None = None
    alpha_pattern: Ranks | None = None
    layers_to_transform: list[int] | int | None = None
    layers_pattern: list[str] | str | None = None
    layer_replication: Annotated[list[Pair], Field(max_length=MOST_LAYERS)] | None = None
    init_lora_weights: (
        bool | Annotated[str, Field(pattern=r"^[A-Za-z_]+(_niter_\d{1,2})?$")] | None
    ) = None
    loftq_config: LoftQPart | None = None

    @model_validator(mode="before")
    @classmethod
    def _bounds(cls, data: Any) -> Any:
        for name, why in _REFUSED.items():
            if isinstance(data, dict) and data.get(name):
                raise ValueError(f"it has {name}, {why}")
        check_adapter(data)
        return data

    @field_validator("layer_replication")
    @classmethod
    def _few(cls, pairs: list[list[int]] | None) -> list[list[int]] | None:
        if pairs and sum(max(end - start, 0) for start, end in pairs) > MOST_LAYERS:
            raise ValueError(f"it asks for more than {MOST_LAYERS} layers")
        return pairs
