"""Arrow and Parquet files as the package `datasets` lays them out, with names of their columns."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import whole_file, whole_folder
from ..extras import has, install_command
from .annotated_text import FormatError
from .hf_columns import Columns, columns_of
from .json_text import JSONError, read_json, write_json

INFO, STATE, SPLITS = "dataset_info.json", "state.json", "dataset_dict.json"
SUFFIXES = (".parquet", ".arrow")
UNKNOWN = "-100"  # the tag that training is told to pass over
_MAGIC = b"ARROW1"
_DATA = re.compile(r"data-\d+-of-\d+\.arrow")


@dataclass(frozen=True)
class Table:
    """rows: JSON values by column."""

    columns: Columns
    rows: Iterator[dict[str, Any]]


def is_dataset(path: Path) -> bool:
    """Whether a folder is what `save_to_disk` wrote: a dataset, or several splits."""
    return path.is_dir() and ((path / INFO).exists() or (path / SPLITS).exists())


def splits_of(path: Path) -> list[Path]:
    """The datasets in such a folder: itself, or those of its splits. Raises FormatError for a
    folder whose files are not there."""
    if not (path / SPLITS).exists():
        return [path]
    found = _read_json(path / SPLITS).get("splits")
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    if not names:
        raise FormatError(path / SPLITS, 0, "it names no splits", "Save the dataset anew")
    for name in names:
        if Path(name).name != name or not (path / name / INFO).exists():
            what = f"the split {name!r} is not there"
            raise FormatError(path, 0, what, "Save the dataset anew (save_to_disk)")
    return [path / name for name in names]


def read_tables(path: Path) -> Iterator[Table]:
    """The tables of a file, or of a dataset's folder. Raises FormatError for a folder of several
    splits, for one that lacks files, for a broken file, and where pyarrow is not installed."""
    _check_pyarrow(path, "reads")
    if not path.is_dir():
        yield _open(path, {})
        return
    splits = splits_of(path)
    if splits != [path]:
        names = ", ".join(split.name for split in splits)
        what = f"it has the splits {names}"
        raise FormatError(path, 0, what, f"Name one of them, such as {path.name}/{splits[0].name}")
    info, state = _read_json(path / INFO), _read_json(path / STATE)
    if state.get("_indices_files") or state.get("_indices_data_files"):
        what = "it is a selection of rows, by an older version of datasets"
        raise FormatError(path, 0, what, "Save it anew with flatten_indices()")
    files = [one.get("filename") for one in state.get("_data_files") or () if isinstance(one, dict)]
    for name in files:
        if not isinstance(name, str) or Path(name).name != name or not (path / name).exists():
            what = f"the file {name!r} is not there"
            raise FormatError(path, 0, what, "Save the dataset anew (save_to_disk)")
        yield _open(path / name, info.get("features") or {})


def check_output(path: Path) -> None:
    """Raises FormatError for a name that is no Parquet file and has an ending of Arrow, and for
    what is there and is no dataset that `save_to_disk` wrote, or holds more than that."""
    suffix = path.suffix.lower()
    mend = "Give another OUTPUT, or a name that ends in .parquet"
    if suffix == ".arrow":
        raise FormatError(path, 0, "single .arrow files are read, and not written", mend)
    if suffix == ".parquet" or not path.exists():
        return
    if (path / SPLITS).exists():
        splits = f"It has several splits: give one, such as {path.name}/train"
        raise FormatError(path, 0, "a dataset of one split would replace it", splits)
    names = [one.name for one in path.iterdir()] if path.is_dir() else [path.name]
    others = [name for name in names if name not in (INFO, STATE) and not _DATA.fullmatch(name)]
    if others:
        what = f"something else is there ({min(others)}), which a dataset would replace"
        raise FormatError(path, 0, what, mend)


def write_files(path: Path, rows: list[dict[str, Any]], tags: list[str]) -> None:
    """A .parquet file, or else a folder as `save_to_disk` writes it. tags: names of `ner_tags`,
    beside `UNKNOWN`. Raises FormatError as `check_output`, and where pyarrow is not installed."""
    _check_pyarrow(path, "writes")
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    check_output(path)
    numbers = {tag: i for i, tag in enumerate(tags)} | {UNKNOWN: int(UNKNOWN)}
    for row in rows:
        if row["ner_tags"] is not None:
            row["ner_tags"] = [numbers[tag] for tag in row["ner_tags"]]
        try:
            row["meta"] = write_json(row["meta"]) if row["meta"] else None
        except ValueError as error:
            raise FormatError(path, 0, str(error), "Flatten what a text has beside it") from None
    string, number = arrow.string(), arrow.int64()
    span = arrow.struct([("start", number), ("end", number), ("label", string)])
    types = {
        "text": string,
        "tokens": arrow.list_(string),
        "ner_tags": arrow.list_(number),
        "spans": arrow.list_(span),
        "meta": string,
    }
    if not any(row["meta"] for row in rows):
        del types["meta"]
    features = _features(types, tags)
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    schema = arrow.schema(list(types.items()), metadata=metadata)
    table = arrow.Table.from_pylist([{k: row[k] for k in types} for row in rows], schema)
    if path.suffix.lower() == ".parquet":
        with whole_file(path) as fresh:
            parquet.write_table(table, fresh)
        return
    with whole_folder(path) as folder:
        name = "data-00000-of-00001.arrow"
        with (
            arrow.OSFile(str(folder / name), "wb") as sink,
            arrow.ipc.new_stream(sink, schema) as writer,
        ):
            writer.write_table(table)
        state: dict[str, Any] = {
            "_data_files": [{"filename": name}],
            "_fingerprint": "",
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        (folder / STATE).write_text(json.dumps(state, indent=2), encoding="utf8")
        info = {"citation": "", "description": "", "features": features, "homepage": ""}
        (folder / INFO).write_text(json.dumps({**info, "license": ""}, indent=2), encoding="utf8")


def _features(types: dict[str, Any], tags: list[str]) -> dict[str, Any]:
    """As `datasets` describes columns; `Sequence` is what all its versions read."""
    string = {"dtype": "string", "_type": "Value"}
    number = {"dtype": "int64", "_type": "Value"}
    features: dict[str, Any] = {
        "text": string,
        "tokens": {"feature": string, "_type": "Sequence"},
        "ner_tags": {"feature": {"names": tags, "_type": "ClassLabel"}, "_type": "Sequence"},
        "spans": [{"start": number, "end": number, "label": string}],
        "meta": string,
    }
    return {name: features[name] for name in types}


def _open(path: Path, features: dict[str, Any]) -> Table:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        if path.suffix.lower() == ".parquet":
            file = parquet.ParquetFile(path)
            schema, batches = file.schema_arrow, file.iter_batches(256)
        else:
            schema, batches = _open_arrow(path)
    except (arrow.ArrowException, OSError) as error:
        what = f"no Arrow or Parquet file ({str(error)[:80]})"
        raise FormatError(path, 0, what, "Save or copy it again") from error
    said = (schema.metadata or {}).get(b"huggingface")
    if said:
        with contextlib.suppress(JSONError, KeyError, TypeError):
            features = read_json(said)["info"]["features"] or features
    return Table(columns_of(schema, features), _rows(path, batches))


def _open_arrow(path: Path) -> tuple[Any, Iterator[Any]]:
    """The schema and the batches of a stream, as `datasets` writes it, or of a file (Feather)."""
    import pyarrow as arrow

    source = arrow.memory_map(str(path))
    if source.read(len(_MAGIC)) == _MAGIC:
        file = arrow.ipc.open_file(source)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
    source.seek(0)
    stream = arrow.ipc.open_stream(source)
    return stream.schema, iter(stream)


def _rows(path: Path, batches: Any) -> Iterator[dict[str, Any]]:
    import pyarrow as arrow

    try:
        for batch in batches:
            yield from batch.to_pylist()
    except (arrow.ArrowException, OSError) as error:
        what = f"its rows cannot be read ({str(error)[:80]})"
        raise FormatError(path, 0, what, "Save or copy it again") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path.read_bytes())
    except OSError:
        raise FormatError(path, 0, "there is no such file", "Save the dataset anew") from None
    except JSONError as error:
        raise FormatError(path, error.line, str(error), "Save the dataset anew") from error
    if not isinstance(found, dict):
        raise FormatError(path, 0, "no JSON object", "Save the dataset anew")
    return found


def _check_pyarrow(path: Path, does: str) -> None:
    if not has("parquet"):
        mend = f"Install it: {install_command('parquet')}"
        raise FormatError(path, 0, f"pyarrow, which {does} it, is not installed", mend)
