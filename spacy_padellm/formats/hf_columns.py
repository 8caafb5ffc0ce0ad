"""What the columns of an Arrow table are, by their types: tokens, tags, spans."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["string", "strings", "numbers", "spans", "spans by column", "nothing", "other"]
_PLACES = ({"start", "end", "label"}, {"start_offset", "end_offset", "label"})


@dataclass(frozen=True)
class Column:
    """kind: "spans" are lists of objects, "spans by column" objects of lists, as `datasets` keeps
    a Sequence of objects; "nothing" is a column without a value in any row. names: of its numbers,
    or of those of its labels; None where the file keeps none."""

    kind: Kind
    names: list[str] | None = None


@dataclass(frozen=True)
class Columns:
    """The columns by their names."""

    found: dict[str, Column] = field(default_factory=dict)

    def first(self, names: tuple[str, ...], *kinds: Kind) -> str | None:
        """That of the first of these names, in lower case without "_", that is of such a kind."""
        plain = {
            name.lower().replace("_", ""): name
            for name, column in self.found.items()
            if column.kind in kinds
        }
        return next((plain[name] for name in names if name in plain), None)


def columns_of(schema: Any, features: Any) -> Columns:
    """Of the schema of pyarrow; features: what `datasets` says of the columns."""
    said = features if isinstance(features, dict) else {}
    return Columns(
        {one.name: Column(_kind(one.type), _names(said.get(one.name))) for one in schema}
    )


def spans_in(value: Any, column: Column) -> list[Any] | None:
    """A cell of spans as a list, labels by their names. Raises ValueError for a label that is a
    number without a name, and for lists of different lengths."""
    if isinstance(value, dict):
        lists = {key: items for key, items in value.items() if isinstance(items, list)}
        rows = zip(*lists.values(), strict=True)
        value = [dict(zip(lists, row, strict=True)) for row in rows]
    if value is None:
        return None
    return [_named(span, column) if isinstance(span, dict) else span for span in value]


def _named(span: dict[str, Any], column: Column) -> dict[str, Any]:
    label = span.get("label")
    if not isinstance(label, int) or isinstance(label, bool):
        return span
    if column.names is None:
        raise ValueError("the labels are numbers, and the file does not keep their names")
    if not 0 <= label < len(column.names):
        raise ValueError(f"the label {label} is none of the {len(column.names)} that have names")
    return {**span, "label": column.names[label]}


def _kind(type_: Any) -> Kind:
    import pyarrow.types as types

    if types.is_null(type_):
        return "nothing"
    if _is_string(type_):
        return "string"
    if types.is_struct(type_):
        parts = {type_.field(i).name: type_.field(i).type for i in range(type_.num_fields)}
        by_column = any(
            names <= parts.keys() and all(_is_list(parts[name]) for name in names)
            for names in _PLACES
        )
        return "spans by column" if by_column else "other"
    if not _is_list(type_):
        return "other"
    item = type_.value_type
    if types.is_struct(item):
        names = {item.field(i).name for i in range(item.num_fields)}
        return "spans" if any(place <= names for place in _PLACES) else "other"
    if types.is_null(item):
        return "nothing"
    if _is_string(item):
        return "strings"
    return "numbers" if types.is_integer(item) else "other"


def _is_list(type_: Any) -> bool:
    import pyarrow.types as types

    return types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_)


def _is_string(type_: Any) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(type_):  # pandas' categories
        type_ = type_.value_type
    return types.is_string(type_) or types.is_large_string(type_)


def _names(feature: Any) -> list[str] | None:
    """Of the numbers of a column, or of its labels where it is one of spans."""
    while isinstance(feature, dict | list):
        if isinstance(feature, list):
            feature = feature[0] if feature else None
        elif isinstance(names := feature.get("names"), list):
            return [str(name) for name in names]
        else:
            feature = feature.get("feature", feature.get("label"))
    return None
