"""Hugging Face datasets without their package: folders of `save_to_disk`, .arrow and .parquet.

A row is a text: `tokens` with `ner_tags` (names, or numbers whose names the file keeps), or `text`
with `spans` of start, end, label. pyarrow reads and writes the files.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .annotation_tools import SPAN_KEYS, as_triple
from .columns import biluo_tag, spans_of
from .detokenize import join_tokens, search_tokens
from .gold_text import Place
from .hf_files import Table, read_tables, write_files
from .json_text import JSONError, read_json
from .tables import NAMES

UNKNOWN = ("-100", "-1")  # what training is told to pass over
_MEND = "Name the columns tokens,ner_tags or text,spans"


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a file or of a folder that `save_to_disk` wrote; the line is the number of the
    row, from 1.

    Of a row without tags nothing is known, nor of tokens with the tag -100. Where rows have spans,
    too, tags are not read. Raises FormatError for a folder of several splits, for columns of other
    names, for numbers without names, and where pyarrow is not installed.
    """
    problems = [] if problems is None else problems
    number = 0
    for table in read_tables(path):
        shape = _Shape(path, table)
        for row in table.rows:
            number += 1
            yield shape.read(number, row, problems)


class _Shape:
    """Which columns of a table are what. Raises FormatError for a table of no known shape."""

    def __init__(self, path: Path, table: Table) -> None:
        self.path, self.names = path, table.names
        columns = {name.lower().replace("_", ""): name for name in table.columns}
        self.text = _first(columns, ("text", "sentence"))
        self.spans = _first(columns, SPAN_KEYS) if self.text else None
        self.tokens = _first(columns, NAMES["token"])
        self.tags = _first(columns, (*NAMES["tag"], "labels"))
        if self.spans and self.spans == self.tags and self.tokens:
            self.spans = None  # `labels` of tokens
        if not self.spans and not (self.tokens and self.tags):
            raise FormatError(path, 0, f"the columns are {', '.join(table.columns)}", _MEND)
        used = (self.text, self.spans, self.tokens, self.tags)
        self.others = [name for name in table.columns if name not in used]

    def read(self, number: int, row: dict[str, Any], problems: list[Problem]) -> AnnotatedText:
        meta = self._meta(row)
        tokens = [str(token) for token in row[self.tokens] or ()] if self.tokens else None
        if tokens is not None and not all(tokens):
            what = "an empty token"
            raise FormatError(self.path, number, what, "Leave it out, together with its tag")
        text = row[self.text] if self.text else None
        places: list[Place] | None = None
        if tokens is not None:
            places = search_tokens(text, tokens) if isinstance(text, str) else None
            if places is None and not (self.spans and isinstance(text, str)):
                text, places = join_tokens(tokens)
        if self.spans:
            given = row[self.spans]
            if not isinstance(text, str):
                raise FormatError(self.path, number, "no text", "Give each row its text")
            spans = [as_triple(span) for span in given or ()]
            found = annotate(text, spans, places, meta, self.path, number, problems)
            return found if given is not None else found.without_annotation()
        assert text is not None and places is not None
        return self._of_tags(number, row, text, places, meta, problems)

    def _of_tags(
        self,
        number: int,
        row: dict[str, Any],
        text: str,
        places: list[Place],
        meta: dict[str, Any],
        problems: list[Problem],
    ) -> AnnotatedText:
        given = row[self.tags or ""]
        if given is None:
            return annotate(text, [], places, meta, self.path, number).without_annotation()
        if len(given) != len(places):
            what = f"{len(given)} tags of {len(places)} tokens"
            raise FormatError(self.path, number, what, "Give each token one tag")
        names = [self._name(number, tag) for tag in given]
        tags = [biluo_tag(self.path, number, "O" if n in UNKNOWN else n) for n in names]
        unknown = [place for place, n in zip(places, names, strict=True) if n in UNKNOWN]
        spans = spans_of(tags, places)
        found = annotate(text, spans, places, meta, self.path, number, problems)
        if unknown and len(unknown) == len(places):
            return found.without_annotation()
        return AnnotatedText(**{**vars(found), "unknown": tuple(unknown)})

    def _name(self, number: int, tag: Any) -> str:
        if isinstance(tag, str):
            return tag
        if isinstance(tag, int) and str(tag) in UNKNOWN:
            return str(tag)
        names = self.names.get(self.tags or "")
        if names is None:
            what = f"{self.tags!r} holds numbers, and the file does not keep their names"
            mend = "Save the dataset with names (ClassLabel), or write the tags as strings"
            raise FormatError(self.path, number, what, mend)
        if not isinstance(tag, int) or not 0 <= tag < len(names):
            what = f"{tag!r} is none of the {len(names)} tags"
            raise FormatError(self.path, number, what, "Correct the names of the dataset")
        return names[tag]

    def _meta(self, row: dict[str, Any]) -> dict[str, Any]:
        """Other columns; `meta` as this package writes it is JSON."""
        meta = {name: row[name] for name in self.others if row[name] is not None}
        if isinstance(meta.get("meta"), str):
            try:
                found = read_json(meta["meta"])
            except JSONError:
                return meta
            if isinstance(found, dict):
                meta.pop("meta")
                meta |= found
        return meta


def _first(columns: dict[str, str], names: Sequence[str]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def rows_to_write(
    texts: Iterable[AnnotatedText], problems: list[Problem]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows, each with its tags as strings, and the names of the tags. Spans that no tag can say
    stand in `spans` alone, which is added to `problems`. Raises FormatError for a text that is not
    tokenised."""
    rows, labels = [], set()
    for text in texts:
        if text.tokens is None:
            what = f"the text {text.text[:40]!r} has no tokens"
            mend = "Tokenise it, for example by way of .spacy"
            raise FormatError(text.file, text.line, what, mend)
        places = [place for place in text.tokens if text.text[slice(*place)].strip()]
        row: dict[str, Any] = {"text": text.text, "meta": text.meta or None}
        row["tokens"] = [text.text[start:end] for start, end in places]
        row["ner_tags"] = _tags(text, places, problems) if text.annotated else None
        row["spans"] = None
        if text.annotated:
            names = ("start", "end", "label")
            row["spans"] = [dict(zip(names, span, strict=True)) for span in text.spans]
        labels |= {label for _, _, label in text.spans}
        rows.append(row)
    return rows, ["O", *(f"{p}-{label}" for label in sorted(labels) for p in "BI")]


def _tags(text: AnnotatedText, places: list[Place], problems: list[Problem]) -> list[str]:
    tags = ["O"] * len(places)
    for span in sorted(text.spans, key=lambda span: (span[0] - span[1], span)):
        start, end, label = span
        inside = [i for i, (first, last) in enumerate(places) if first < end and start < last]
        on = inside and (places[inside[0]][0], places[inside[-1]][1]) == (start, end)
        if not on or any(tags[i] != "O" for i in inside):
            why = "overlaps another" if on else "is not on token boundaries"
            reason = f"{why}: it is in the column `spans`, and not in `ner_tags`"
            problems.append(text.problem(span, reason, lost=False))
            continue
        for i in inside:
            tags[i] = f"{'B' if i == inside[0] else 'I'}-{label}"
    return tags


def write(
    path: Path, texts: Iterable[AnnotatedText], problems: list[Problem] | None = None
) -> None:
    """A .parquet file, or else a folder for `load_from_disk`: `text`, `tokens`, `ner_tags` with
    their names (IOB2), `spans`, and what else is known as JSON in `meta`. A text that nobody
    annotated has neither tags nor spans. Raises as `rows_to_write` and `write_files`."""
    write_files(path, *rows_to_write(texts, [] if problems is None else problems))
