"""Parts written whole: JSON lines, .spacy or Parquet."""

from collections.abc import Callable, Sequence
from pathlib import Path

import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ...atomic import whole_file
from ...extras import need
from ...formats.docbin import META
from ...formats.json_records import write_records
from ...formats.json_text import packable, unicode_text, write_json
from ...pipeline.annotation import score_of
from .records import Annotated, Entity, to_record

Writer = Callable[[Path, Sequence[Annotated], Sequence[Doc | None]], int]


def part_path(folder: Path, number: int, file_format: str) -> Path:
    return folder / f"part-{number:06d}.{file_format}"


def write_part(
    path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None], file_format: str
) -> int:
    """Under its name when it is complete, and not before. Returns how many have an error. docs: of
    the records, None where one failed; only .spacy keeps them."""
    with whole_file(path) as fresh:
        return WRITERS[file_format](fresh, annotated, docs)


def _write_jsonl(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> int:
    del docs
    write_records(path, map(to_record, annotated))
    return _count_errors(annotated)


def _write_docs(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> int:
    box = DocBin(store_user_data=True)
    failed = 0
    for one, doc in zip(annotated, docs, strict=True):
        doc = Doc(Vocab(), words=[one.record.text or " "], spaces=[False]) if doc is None else doc
        lost = _drop_unpackable(doc)
        doc.user_data["id"] = one.record.id
        if one.record.meta:
            doc.user_data[META] = packable(one.record.meta)
        if error := one.error or lost:
            doc.user_data["error"] = unicode_text(error)
            failed += 1
        box.add(doc)
    path.write_bytes(box.to_bytes())
    return failed


def _drop_unpackable(doc: Doc) -> str:
    """Returns what is lost of what components left in a Doc's user data."""
    try:
        srsly.msgpack_dumps(doc.user_data)
        return ""
    except Exception:
        lost = []
        for key, value in list(doc.user_data.items()):
            try:
                srsly.msgpack_dumps({key: value})
            except Exception as error:
                name = key[1] if isinstance(key, tuple) and len(key) > 1 else key
                lost.append(f"{name!r} in the Doc's user data cannot be saved ({error})")
                del doc.user_data[key]
        return "; ".join(lost)


def _write_parquet(path: Path, annotated: Sequence[Annotated], docs: Sequence[Doc | None]) -> int:
    del docs
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    text, place = arrow.string(), arrow.int64()
    entity = {"start": place, "end": place, "label": text, "score": arrow.float64()}
    ents = arrow.list_(arrow.struct(entity))
    schema = arrow.schema({"id": text, "text": text, "ents": ents, "meta": text, "error": text})
    rows = [
        {
            "id": one.record.id,
            "text": one.record.text,
            "ents": [dict(zip(entity, ent, strict=True)) for ent in one.ents],
            "meta": write_json(one.record.meta),
            "error": unicode_text(one.error) or None,
        }
        for one in annotated
    ]
    parquet.write_table(arrow.Table.from_pylist(rows, schema), path)
    return _count_errors(annotated)


def _count_errors(annotated: Sequence[Annotated]) -> int:
    return sum(bool(one.error) for one in annotated)


def check_format(file_format: str) -> None:
    """Raises ValueError for an unknown format, or one whose library is not installed."""
    if file_format not in WRITERS:
        raise ValueError(f"--format is {file_format!r}: choose one of {', '.join(WRITERS)}")
    if file_format == "parquet":
        need("parquet", "--format parquet")


WRITERS: dict[str, Writer] = {
    "jsonl": _write_jsonl,
    "spacy": _write_docs,
    "parquet": _write_parquet,
}


def entities(doc: Doc) -> tuple[Entity, ...]:
    """The entities of a Doc, with their probabilities, to four digits, where they have one."""
    scored = ((ent, score_of(ent)) for ent in doc.ents)
    return tuple(
        (ent.start_char, ent.end_char, ent.label_, None if score is None else round(score, 4))
        for ent, score in scored
    )
