"""A job on one machine, in one process: part after part."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import raise_error

from ...atomic import alone_in, check_owner
from ...plurals import count
from ...remote.secrets import Secrets
from .parts import Part, PartReader
from .plan import PLAN, Job
from .records import Annotated, Record
from .sinks import entities, write_part
from .sources import STDIN, UnreadableError

IN_A_ROW = 50


class FailingError(ValueError):
    """It is the model that fails, not some texts: nothing is written of this part, the run stops,
    and goes on when it is given again."""


@dataclass
class Failures:
    """What has failed over the parts of a run. in_a_row: texts, one after the other. any_good:
    whether the model has annotated any text, in this run or one before it."""

    in_a_row: int = 0
    any_good: bool = False

    def reset(self) -> None:
        """A text was annotated."""
        self.in_a_row, self.any_good = 0, True

    def check(self, errors: Mapping[int, str], readable: Sequence[int]) -> None:
        """Raises FailingError where a part's texts, and all before them, have failed, or not one
        of its records could be read.

        errors: of records by their index. readable: indices of those that have a text.
        """
        if self.any_good or len(errors) < 2:
            return
        if not readable:
            raise FailingError(
                f"none of {count(len(errors), 'record')} can be read, the first for this: "
                f"{errors[0]} (setting --text-field)"
            )
        first = errors.get(readable[0], "a component gave no Doc back")
        raise FailingError(f"all of {count(len(readable), 'text')} failed: {first}")

    def note(self, error: Exception, texts: int) -> None:
        """Raises FailingError where it is too many."""
        self.in_a_row += texts
        if self.in_a_row >= IN_A_ROW:
            raise FailingError(f"{self.in_a_row} texts in a row failed, the last with {error!r}")


@dataclass(frozen=True)
class Done:
    """A part that is there. failed: records with an error. skipped: it was there before."""

    part: Part
    records: int
    failed: int = 0
    skipped: bool = False


@dataclass(frozen=True)
class Unread:
    """A file that is damaged: `error` names it. Its parts before that place are there."""

    file: str
    error: str


def run_job(
    job: Job,
    folder: Path,
    nlp: Language,
    batch_size: int,
    step: Callable[[int], Any] = lambda n: None,
) -> Iterator[Done | Unread]:
    """Writes the parts that are not there yet, in order, and tells of each; of a damaged file it
    tells too, and goes on with the next.

    step: told how many texts were annotated. Raises ValueError as `Job.open`, and where another
    run writes to the folder; FailingError where the model fails, OSError where a part cannot be
    written.
    """
    check_owner(folder, PLAN)
    reader, failures = PartReader(job.text_field), Failures()
    with alone_in(folder):
        ledger = job.open(folder)
        for file in job.files:
            try:
                for part in ledger.parts(file):
                    if ledger.is_written(part):
                        failures.any_good = True
                        yield Done(part, part.size, skipped=True)
                        continue
                    records = reader.read(part)
                    if records:
                        path = ledger.path_of(part)
                        failed = annotate_part(job, path, nlp, records, batch_size, failures, step)
                        yield Done(part, len(records), failed)
                    if file == STDIN and len(records) < part.size:
                        return
                ledger.note(file, unread=False)
            except UnreadableError as error:
                ledger.note(file, unread=True)
                yield Unread(file, str(error))


def annotate_part(
    job: Job,
    path: Path,
    nlp: Language,
    records: Sequence[Record],
    batch_size: int,
    failures: Failures,
    step: Callable[[int], Any] = lambda n: None,
) -> int:
    """Annotates records and writes them; returns how many failed. The strings of their texts are
    forgotten afterwards (spaCy's memory zone)."""
    with nlp.memory_zone():
        annotated, docs = annotate_records(nlp, records, batch_size, failures, step)
        return write_part(path, annotated, docs, job.file_format)


def annotate_records(
    nlp: Language,
    records: Sequence[Record],
    batch_size: int,
    failures: Failures,
    step: Callable[[int], Any] = lambda n: None,
) -> tuple[list[Annotated], list[Doc | None]]:
    """Every record, in order, with its entities or with the error that kept it from them. Raises
    FailingError where one text after the other fails."""
    errors = {i: record.error for i, record in enumerate(records) if record.error}
    for i, record in enumerate(records):
        if len(record.text) > nlp.max_length:
            errors[i] = f"longer than nlp.max_length ({nlp.max_length} characters)"
    found: dict[int, Doc] = {}
    secrets = Secrets()  # a text model's own errors may quote what it sent

    def note(_name: str, _pipe: Any, docs: list[Doc], error: Exception) -> None:
        for doc in docs:
            errors[doc._context] = secrets.mask(f"{type(error).__name__}: {error}")
        failures.note(error, len(docs))

    readable = [i for i in range(len(records)) if i not in errors]

    def make_docs() -> Iterator[tuple[Doc, int]]:
        for i in readable:
            try:
                doc = nlp.make_doc(records[i].text)
            except Exception as error:  # the tokenizer's, for which there is no error handler
                errors[i] = f"{type(error).__name__}: {error}"
                failures.note(error, 1)
            else:
                yield doc, i

    pipes: list[Any] = [pipe for _, pipe in nlp.pipeline if hasattr(pipe, "get_error_handler")]
    before = [pipe.get_error_handler() for pipe in pipes]
    nlp.set_error_handler(note)  # type: ignore[arg-type]
    try:
        for doc, i in nlp.pipe(make_docs(), as_tuples=True, batch_size=batch_size):
            found[i] = doc
            failures.reset()
            step(1)
    finally:
        nlp.set_error_handler(raise_error)
        for pipe, handler in zip(pipes, before, strict=True):
            pipe.set_error_handler(handler)
    failures.check(errors, readable)
    annotated = [
        Annotated(record, entities(found[i]))
        if i in found
        else Annotated(record, (), errors.get(i, "a component gave no Doc back"))
        for i, record in enumerate(records)
    ]
    return annotated, [found.get(i) for i in range(len(records))]
