"""What is wrong with a request, in the API's own words: for each fault one sentence, which says
what to give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ...formats.json_text import unicode_text
from ...meant import closest

FAULT = "fault"  # the type of an error that is in these words
_MOST_SHOWN = 60  # characters of a name that was sent


@dataclass(frozen=True)
class Wanted:
    """What a field takes, in words that go with "give". item: of a list, or a mapping's key. value:
    of a mapping."""

    whole: str
    item: str = ""
    value: str = ""


def in_words(
    error: ValidationError, model: str, body: str, wanted: Mapping[str, Wanted]
) -> ValidationError:
    """The same faults as errors of the type `FAULT`, at the fields, and items of lists, that a
    caller knows. body, wanted: what the request is, and each of its fields."""
    faults = error.errors(include_url=False)
    unknown = [str(one["loc"][0]) for one in faults if one["type"] == "extra_forbidden"]
    misspelt = {closest(unicode_text(name), wanted) for name in unknown}
    found: list[InitErrorDetails] = []
    for one in faults:
        if one["type"] == "missing" and one["loc"][0] in misspelt:
            continue
        where, said = _say(one, body, wanted)
        fault = PydanticCustomError(FAULT, "{said}", {"said": unicode_text(said)})
        found.append(InitErrorDetails(type=fault, loc=where, input=None))
    return ValidationError.from_exception_data(model, found)


def _say(
    one: ErrorDetails, body: str, wanted: Mapping[str, Wanted]
) -> tuple[tuple[str | int, ...], str]:
    """Where it is, and what to do. A union's branch, and the keys of a mapping, are no places."""
    if one["type"] == "string_unicode" and not one["loc"]:
        return (), "the name of a field contains an unpaired surrogate, which is not valid Unicode"
    if not one["loc"]:
        return (), f"the body must be {body}"
    field, *inner = one["loc"]
    name = unicode_text(str(field))
    if one["type"] == "extra_forbidden":
        return (name,), _unknown(name, wanted)
    if one["type"] == "missing":
        return (name,), f"it is missing: give {wanted[name].whole}"
    takes, kind, context = wanted[name], one["type"], one.get("ctx", {})
    if inner[:1] in (["list"], ["mapping"], ["number"]):
        branch, *inner = inner
    else:
        branch = "list" if inner else ""
    if not inner:
        return (name,), _say_whole(takes, kind, context)
    if branch == "list":
        return (name, inner[0]), f"give {takes.item}"
    key = repr(inner[0])[:_MOST_SHOWN]
    if inner[-1] == "[key]" and len(inner) > 1:
        return (name,), f"{key} cannot be a label: give {takes.item}"
    return (name,), f"for {key}, give {takes.value}"


def _say_whole(takes: Wanted, kind: str, context: Mapping[str, Any]) -> str:
    if kind == "too_short":
        return "it is empty: give at least one item"
    if kind == "too_long":
        return f"it has too many items: give up to {context['max_length']:,}"
    return f"give {takes.whole}"


def _unknown(name: str, wanted: Mapping[str, Wanted]) -> str:
    close = closest(name, wanted)
    fields = ", ".join(f"`{one}`" for one in wanted)
    mend = f"did you mean `{close}`?" if close else f"the fields are {fields}"
    return f"there is no such field; {mend}"
