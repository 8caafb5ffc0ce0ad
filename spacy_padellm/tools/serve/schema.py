"""What requests and answers look like, for their checks and for the OpenAPI document."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from .faults import FAULT, Wanted, in_words

MOST_LABELS = 200  # of one request
MOST_TEXTS = 10_000  # of one request, to any server
MOST_FIELDS = 20
TOO_MANY = "too_many"  # the type of an error
LIMITS = (
    f"The request has too many texts, labels or fields: a list or mapping may have up to "
    f"{MOST_TEXTS:,} items, an object up to {MOST_FIELDS} fields."
)
MOST_NAME = 200  # characters of a label
MOST_DESCRIPTION = 2000  # characters
_Label = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
_Description = Annotated[str, Field(max_length=MOST_DESCRIPTION)]
_Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
_ByLabel = Annotated[dict[_Label, _Probability], Field(min_length=1, max_length=MOST_LABELS)]
_Names = Annotated[list[_Label], Field(min_length=1, max_length=MOST_LABELS)]
_Described = Annotated[dict[_Label, _Description], Field(min_length=1, max_length=MOST_LABELS)]


def _kind(given: Any) -> str | None:
    """What a value is meant for, so that only the faults of that are told."""
    if isinstance(given, dict):
        return "mapping"
    return "list" if isinstance(given, list) else None


# Each is one of two, and None: with `Tag`, only one of them is tried.
Labels = Annotated[
    Annotated[_Names, Tag("list")] | Annotated[_Described, Tag("mapping")], Discriminator(_kind)
]
_Threshold = Annotated[
    Annotated[_Probability, Tag("number")] | Annotated[_ByLabel, Tag("mapping")],
    Discriminator(lambda given: "mapping" if isinstance(given, dict) else "number"),
]
_A_NAME = f"a name of 1 to {MOST_NAME} characters, as a string"
_WANTED_LABELS = (
    "a list of names, or a mapping name → description",
    _A_NAME,
    f"a description of up to {MOST_DESCRIPTION:,} characters",
)
ErrorCode = Literal[
    "bad_request",
    "invalid_json",
    "unknown_host",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "too_slow",
    "too_large",
    "unsupported_media_type",
    "invalid_request",
    "unknown_label",
    "queue_full",
    "internal_error",
    "text_failed",
    "model_server_failed",
    "stopping",
    "not_ready",
]


class _Strict(BaseModel):
    """A field that is not known is an error: it may be a typo. Raises pydantic's error, in the
    words of this API (`faults`)."""

    model_config = ConfigDict(extra="forbid")
    body_wanted: ClassVar[str]
    wanted: ClassVar[dict[str, Wanted]]

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, given: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return check(given)
        except ValidationError as error:
            if any(one["type"] == TOO_MANY for one in error.errors(include_url=False)):
                raise
            raise in_words(error, cls.__name__, cls.body_wanted, cls.wanted) from None

    @model_validator(mode="before")
    @classmethod
    def _few(cls, given: Any) -> Any:
        """Each item that is wrong would be an error of its own: a million take seconds."""
        if isinstance(given, dict) and (
            len(given) > MOST_FIELDS
            or any(isinstance(v, list | dict) and len(v) > MOST_TEXTS for v in given.values())
        ):
            raise PydanticCustomError(TOO_MANY, LIMITS)
        return given


class ExtractRequest(_Strict):
    """One text or several, and what to look for in them."""

    body_wanted = "a JSON object with `text` or `texts`"
    wanted = {
        "text": Wanted("a text, as a string"),
        "texts": Wanted("a list of texts", "a text, as a string"),
        "labels": Wanted(*_WANTED_LABELS),
        "threshold": Wanted(
            "a number from 0 to 1, or a mapping label → number", _A_NAME, "a number from 0 to 1"
        ),
    }
    text: str | None = Field(None, description="One text. Give this or `texts`.")
    texts: list[str] | None = Field(None, min_length=1, description="Several texts.")
    labels: Labels | None = Field(
        None,
        description="Labels to ask for: names, or name → description. Those of the pipeline if "
        "left out.",
    )
    threshold: _Threshold | None = Field(
        None,
        description="Least probability of a span: a number, or label → number (labels that are "
        "not named keep all spans). That of the pipeline if left out.",
    )
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"text": "Angela Merkel met Emmanuel Macron in Brussels.", "threshold": 0.5},
                {"texts": ["Microsoft is in Toronto.", "No one came."], "labels": ["ORG", "LOC"]},
            ]
        },
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise PydanticCustomError(FAULT, "give either `text` or `texts`")
        return self

    @property
    def named_texts(self) -> dict[str, str]:
        """Field → text, in the order of the request: `text`, or `texts.0`, `texts.1`, ..."""
        if self.text is not None:
            return {"text": self.text}
        return {f"texts.{i}": text for i, text in enumerate(self.texts or ())}


class ExplainRequest(_Strict):
    """A text of which all is to be said."""

    body_wanted = "a JSON object with `text`"
    wanted = {
        "text": Wanted("a text, as a string"),
        "labels": Wanted(*_WANTED_LABELS),
    }
    text: str
    labels: Labels | None = Field(
        None,
        description="Names of some of the pipeline's labels, to show these alone, or of others, to "
        "ask for these; or name → description. All of the pipeline's if left out, or empty.",
    )

    @field_validator("labels", mode="before")
    @classmethod
    def _all_if_empty(cls, given: Any) -> Any:
        return None if given == [] else given


class Span(BaseModel):
    """Characters start to end (exclusive) of the text: Unicode code points, as Python counts."""

    start: int
    end: int
    label: str
    text: str
    probability: float | None = Field(
        description="That the model gives. Null for an entity of another component."
    )


class TextResult(BaseModel):
    """What was found in one text, in its order."""

    spans: list[Span]


class ExtractResponse(BaseModel):
    """A result for each text, in the order of the request."""

    results: list[TextResult]
    warnings: list[str] = Field(
        [], description="Such as that the model was not trained for a label."
    )


class LabelsResponse(BaseModel):
    """What can be asked for."""

    labels: dict[str, str] = Field(description="Of the pipeline: label → description.")
    trained: dict[str, str] = Field(
        description="Those that the model was trained for, which may be asked for, too: label → "
        "description. Empty for a model that takes any."
    )
    others: bool = Field(description="Whether further labels may be asked for.")


class Status(BaseModel):
    status: str


class ErrorDetail(BaseModel):
    where: str = Field(description="The field, such as `texts.3`.")
    message: str


class ErrorBody(BaseModel):
    code: ErrorCode
    message: str
    details: list[ErrorDetail] = []


class ErrorResponse(BaseModel):
    """All errors look like this."""

    error: ErrorBody
