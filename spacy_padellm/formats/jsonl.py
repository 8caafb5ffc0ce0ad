"""JSON lines {"text": ..., "ents": [[start, end, label], ...]}; further keys are kept."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .annotation_tools import as_triple
from .json_records import read_records, write_records


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a file. An entity may also be {"start", "end", "label"}, as in displaCy. Of a
    record without entities that has an "error" nothing is known. Raises FormatError for a line that
    is not such a record."""
    for line, record in read_records(path):
        if not isinstance(record, dict) or "text" not in record or "ents" not in record:
            mend = 'A line is {"text": ..., "ents": [[start, end, label], ...]}'
            raise FormatError(path, line, 'no object with "text" and "ents"', mend)
        ents = record["ents"]
        if not isinstance(ents, list):
            raise FormatError(
                path, line, '"ents" is not a list', 'Without entities write "ents": []'
            )
        meta = {key: value for key, value in record.items() if key not in ("text", "ents")}
        spans = [as_triple(ent) for ent in ents]
        text = annotate(record["text"], spans, None, meta, path, line, problems)
        # `padellm annotate` writes so what it could not annotate.
        failed = not ents and isinstance(meta.get("error"), str) and meta["error"]
        yield text.without_annotation() if failed else text


def write(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """One line a text."""
    write_records(
        path, ({**text.meta, "text": text.text, "ents": [*map(list, text.spans)]} for text in texts)
    )
