"""JSON files of a model's folder, read into a schema."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from .trouble import COPY_AGAIN

MOST_BYTES = 256 * 1024**2  # a tokenizer.json of 256,000 tokens has 34 MB
Schema = TypeVar("Schema", bound=BaseModel)


def read_checked(path: Path, schema: type[Schema]) -> Schema:
    """A file as its schema has it. Raises ValueError naming the file and the field for one that is
    broken."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(broken(path, f"it has {size} bytes, and {MOST_BYTES} are the most"))
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(unreadable(path, error)) from error
    return parse_checked(content, schema, path)


def parse_checked(content: bytes | str, schema: type[Schema], source: Path | str) -> Schema:
    """source: named where the content is broken. Raises ValueError as `read_checked`."""
    try:
        # Of JSON and in strict mode: nothing is converted, neither "no" to true nor "5" to 5.
        return schema.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise ValueError(broken(source, _first(error))) from None


def broken(source: Path | str, what: str) -> str:
    return f"{source} is broken ({what}): {COPY_AGAIN}"


def unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read ({error.strerror or error}): check its permissions"


def _first(error: ValidationError) -> str:
    """The first of pydantic's findings, in one line."""
    found = error.errors(include_url=False)[0]
    place = ".".join(map(str, found["loc"]))
    message = found["msg"].removeprefix("Value error, ")
    given = found.get("input")
    if found["type"] in ("json_invalid", "missing", "value_error") or given is None:
        return f"{place}: {message}" if place else message
    shown = repr(given)
    return f"{place or 'the file'} is {shown if len(shown) <= 60 else shown[:60] + '…'}: {message}"
