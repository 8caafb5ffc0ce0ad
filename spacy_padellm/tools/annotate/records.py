"""What is read and what is written: a text with its id, and what was found in it.

Whatever a source holds, it becomes a `Record`; one that cannot be read has an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc

from ...formats.docbin import META
from ...formats.json_text import is_unicode, plain, read_json, unicode_text, write_json

Entity = tuple[int, int, str, float | None]
TAKEN = frozenset({"id", "text", "ents", "error"})


@dataclass(frozen=True)
class Record:
    """A text to annotate. meta: whatever else its record has, plain JSON values (`plain`). error:
    why it cannot be read."""

    id: str
    text: str
    meta: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Annotated:
    """A record with its entities (start, end, label, probability); error: why there are none."""

    record: Record
    ents: tuple[Entity, ...] = ()
    error: str = ""


def of_text(place: str, text: str) -> Record:
    """place: the id of a record that has none, the name of its file and its number."""
    return _make(place, text, {})


def of_line(place: str, line: str, text_field: str = "text") -> Record:
    """Of a JSON line; one that cannot be read is kept under "line"."""
    try:
        fields = read_json(line)
    except ValueError as error:
        return Record(place, "", {"line": line}, str(error))
    if not isinstance(fields, dict):
        return Record(place, "", {"line": line}, "no JSON object")
    return of_fields(place, fields, text_field)


def of_fields(place: str, fields: Mapping[str, Any], text_field: str = "text") -> Record:
    """Of an object, or a row of a table. A text that is none stays among the other fields."""
    others = dict(fields)
    text = others.pop(text_field, None)
    if isinstance(text, bytes):  # as old Parquet files have it
        text = text.decode("utf8", "surrogateescape")
    if text_field in fields and not isinstance(text, str):
        others[text_field] = text
    if isinstance(text, str):
        return _make(place, text, others)
    if text is not None:
        why = f": it is of type {type(text).__name__}"
    else:
        rest = [name for name in others if name != "id"]
        why = f": the record has {', '.join(map(repr, rest))}" if rest else ""
    return _make(place, "", others, f"no text in the field {text_field!r}{why}")


def of_doc(place: str, doc: Doc) -> Record:
    """Of a Doc's text and user data; extension attributes are left out."""
    fields = {key: value for key, value in doc.user_data.items() if isinstance(key, str)}
    if isinstance(meta := fields.get(META), Mapping):
        del fields[META]
        fields |= {str(key): value for key, value in meta.items()}
    return _make(place, doc.text, fields)


def to_record(annotated: Annotated) -> dict[str, Any]:
    """Plain data: {"id", "text", "ents": [[start, end, label, probability], ...]}, what else the
    record had ("input_" before names that are taken), and "error" where there is one."""
    record = annotated.record
    made: dict[str, Any] = {"id": record.id, "text": record.text}
    made["ents"] = [list(ent) for ent in annotated.ents]
    for key, value in record.meta.items():
        name = f"input_{key}" if key in TAKEN else key
        while name != key and name in record.meta:
            name = f"input_{name}"
        made[name] = value
    if annotated.error:
        made["error"] = annotated.error
    return made


def _make(place: str, text: str, others: dict[str, Any], error: str = "") -> Record:
    """others: the other fields, the id among them."""
    meta: dict[str, Any] = {}
    try:
        name = others.pop("id", None)
        meta = plain(others)
        if name is not None:
            place = name if isinstance(name, str) else write_json(name)
    except ValueError as broken:
        meta, error = {}, str(broken)
    if not error and not is_unicode(text):
        error = "no Unicode text: it has half of a character"
    return Record(unicode_text(place), unicode_text(text), meta, error)
