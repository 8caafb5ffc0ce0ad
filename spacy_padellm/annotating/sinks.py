"""Parts written whole: JSON lines, .spacy or Parquet."""

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..annotation import score_of
from ..formats.docbin import META
from .records import Annotated

TAKEN = frozenset({"id", "text", "ents", "error"})
Writer = Callable[[Path, Sequence[Annotated], Sequence[Doc | None]], None]


def part_path(folder: Path, number: int, file_format: str) -> Path:
    return folder / f"part-{number:06d}.{file_format}"


def write_part(
    path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None], file_format: str
) -> None:
    """Under its name when it is complete, and not before.

    docs: of the records, None where one failed; only .spacy keeps them.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        WRITERS[file_format](fresh, annotated, docs)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def to_record(annotated: Annotated) -> dict[str, Any]:
    """Plain data: {"id", "text", "ents": [[start, end, label, probability], ...]}, what else the
    record had ("input_" before names that are taken), and "error" where there is one."""
    record = annotated.record
    plain: dict[str, Any] = {"id": record.id, "text": record.text}
    plain["ents"] = [list(ent) for ent in annotated.ents]
    for key, value in record.meta.items():
        plain[f"input_{key}" if key in TAKEN else key] = value
    if annotated.error:
        plain["error"] = annotated.error
    return plain


def _write_jsonl(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> None:
    del docs
    with path.open("w", encoding="utf8", errors="backslashreplace", newline="\n") as file:
        for one in annotated:
            file.write(json.dumps(to_record(one), ensure_ascii=False, default=str) + "\n")


def _write_docs(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> None:
    box = DocBin(store_user_data=True)
    for one, doc in zip(annotated, docs, strict=True):
        doc = Doc(Vocab(), words=[one.record.text or " "], spaces=[False]) if doc is None else doc
        doc.user_data["id"] = one.record.id
        if one.record.meta:
            doc.user_data[META] = json.loads(json.dumps(one.record.meta, default=str))
        if one.error:
            doc.user_data["error"] = one.error
        box.add(doc)
    path.write_bytes(box.to_bytes())


def _write_parquet(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> None:
    del docs
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    entity = arrow.struct(
        [
            ("start", arrow.int64()),
            ("end", arrow.int64()),
            ("label", arrow.string()),
            ("score", arrow.float64()),
        ]
    )
    schema = arrow.schema(
        [
            ("id", arrow.string()),
            ("text", arrow.string()),
            ("ents", arrow.list_(entity)),
            ("meta", arrow.string()),
            ("error", arrow.string()),
        ]
    )
    keys = ("start", "end", "label", "score")
    rows = [
        {
            "id": one.record.id,
            "text": one.record.text,
            "ents": [dict(zip(keys, ent, strict=True)) for ent in one.ents],
            "meta": json.dumps(one.record.meta, default=str),
            "error": one.error or None,
        }
        for one in annotated
    ]
    parquet.write_table(arrow.Table.from_pylist(rows, schema), path)


def check_format(file_format: str) -> None:
    """Raises ValueError for an unknown format, or one whose library is not installed."""
    if file_format not in WRITERS:
        raise ValueError(f"--format is {file_format!r}: choose one of {', '.join(WRITERS)}")
    if file_format == "parquet" and not importlib.util.find_spec("pyarrow"):
        raise ValueError("to write Parquet: pip install pyarrow")


WRITERS: dict[str, Writer] = {
    "jsonl": _write_jsonl,
    "spacy": _write_docs,
    "parquet": _write_parquet,
}


def entities(doc: Doc) -> tuple[tuple[int, int, str, float | None], ...]:
    """The entities of a Doc, with their probabilities, to four digits, where they have one."""
    scored = ((ent, score_of(ent)) for ent in doc.ents)
    return tuple(
        (ent.start_char, ent.end_char, ent.label_, None if score is None else round(score, 4))
        for ent, score in scored
    )
