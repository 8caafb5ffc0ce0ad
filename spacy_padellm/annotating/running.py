"""A job on one machine, in one process: part after part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from .plan import Job, Part, PartReader
from .records import Annotated, Record
from .sinks import entities, part_path, write_part
from .sources import STDIN


@dataclass(frozen=True)
class Done:
    """A part that is there. failed: records with an error. skipped: it was there before."""

    part: Part
    records: int
    failed: int = 0
    skipped: bool = False


def run_job(
    job: Job,
    folder: Path,
    nlp: Language,
    batch_size: int,
    step: Callable[[int], Any] = lambda n: None,
) -> Iterator[Done]:
    """Writes the parts that are not there yet, in order, and tells of each.

    step: told how many texts were annotated. Raises ValueError as `Job.open`, OSError where a
    part cannot be written.
    """
    job.open(folder)
    reader = PartReader(job.text_field)
    for part in job.parts():
        path = part_path(folder, part.number, job.file_format)
        if path.exists():
            yield Done(part, part.size, skipped=True)
            continue
        records = reader.read(part)
        if records:
            yield Done(part, len(records), annotate_part(job, path, nlp, records, batch_size, step))
        if part.file == STDIN and len(records) < part.size:
            return


def annotate_part(
    job: Job,
    path: Path,
    nlp: Language,
    records: Sequence[Record],
    batch_size: int,
    step: Callable[[int], Any] = lambda n: None,
) -> int:
    """Annotates records and writes them; returns how many failed.

    The strings of their texts are forgotten afterwards (spaCy's memory zone).
    """
    with nlp.memory_zone():
        annotated, docs = annotate_records(nlp, records, batch_size, step)
        write_part(path, annotated, docs, job.file_format)
    return sum(bool(one.error) for one in annotated)


def annotate_records(
    nlp: Language,
    records: Sequence[Record],
    batch_size: int,
    step: Callable[[int], Any] = lambda n: None,
) -> tuple[list[Annotated], list[Doc | None]]:
    """Every record, in order, with its entities or with the error that kept it from them."""
    errors = {i: record.error for i, record in enumerate(records) if record.error}
    for i, record in enumerate(records):
        if len(record.text) > nlp.max_length:
            errors[i] = f"longer than nlp.max_length ({nlp.max_length} characters)"

    def note(_name: str, _pipe: Any, docs: list[Doc], error: Exception) -> None:
        for doc in docs:
            errors[doc._context] = f"{type(error).__name__}: {error}"

    nlp.set_error_handler(note)
    readable = ((record.text, i) for i, record in enumerate(records) if i not in errors)
    found: dict[int, Doc] = {}
    for doc, i in nlp.pipe(readable, as_tuples=True, batch_size=batch_size):
        found[i] = doc
        step(1)
    annotated, docs = [], []
    for i, record in enumerate(records):
        doc = found.get(i)
        lost = "" if doc is not None else errors.get(i, "a component gave no Doc back")
        annotated.append(Annotated(record, entities(doc) if doc is not None else (), lost))
        docs.append(doc)
    return annotated, docs
