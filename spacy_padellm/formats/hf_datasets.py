"""Hugging Face datasets without their package: folders of `save_to_disk`, .arrow and .parquet.

A row is a text: `tokens` with `ner_tags` (names, or numbers whose names the file keeps), or `text`
with `spans` of start, end, label. pyarrow reads and writes the files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..plurals import count
from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .annotation_tools import SPAN_KEYS, as_triple
from .columns import biluo_tag, spans_of
from .detokenize import join_tokens, search_tokens
from .gold_text import Place, touches
from .hf_columns import spans_in
from .hf_files import UNKNOWN, Table, read_tables, write_files
from .json_text import JSONError, read_json
from .table_heads import NAMES
from .token_spans import TokenSpans

_PASSED_OVER = (UNKNOWN, "-1")
_MEND = "Name the columns tokens,ner_tags (lists) or text,spans (lists of start, end, label)"


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a file or of a folder that `save_to_disk` wrote; the line is the number of the
    row, from 1.

    Of a row without tags nothing is known, nor of tokens with the tag -100. Where a row has spans,
    too, its tags are not read. A `text` that is not made of the `tokens` is added to `problems`.
    Raises FormatError for a folder of several splits, for columns of other names or types, for
    numbers without names, and where pyarrow is not installed.
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
        self.path = path
        self.columns = table.columns.found
        first = table.columns.first
        self.text = first(("text", "sentence"), "string", "nothing")
        self.tokens = first(NAMES["token"], "strings", "nothing")
        self.tags = first((*NAMES["tag"], "labels"), "strings", "numbers", "nothing")
        self.spans = first(SPAN_KEYS, "spans", "spans by column", "nothing") if self.text else None
        if self.spans == self.tags and self.tokens:
            self.spans = None  # `labels` of tokens
        if not self.tokens or self.tags == self.spans:
            self.tags = None
        if not self.spans and not (self.tokens and self.tags):
            raise FormatError(path, 0, f"the columns are {', '.join(self.columns)}", _MEND)
        used = (self.text, self.spans, self.tokens, self.tags)
        self.others = [name for name in self.columns if name not in used]

    def read(self, number: int, row: dict[str, Any], problems: list[Problem]) -> AnnotatedText:
        given = self._spans(number, row)
        tokens = self._tokens(number, row)
        text = row[self.text] if self.text else None
        places: list[Place] | None = None
        reason = ""
        if tokens is not None:
            places = search_tokens(text, tokens) if text is not None else None
            if places is None and (given is None or text is None):
                reason = "the text is not made of its tokens, which are joined instead"
                reason = reason if text is not None else ""
                text, places = join_tokens(tokens)
            elif places is None:
                reason = "the text is not made of its tokens, which are left out"
        if text is None:
            raise FormatError(self.path, number, "no text", "Give each row its text")
        meta = self._meta(row)
        bare = AnnotatedText(text, file=str(self.path), line=number)
        if reason:
            problems.append(bare.left_out(reason, lost=False))
        where = (self.path, number, problems)
        if given is not None:
            return annotate(text, [as_triple(span) for span in given], places, meta, *where)
        if self.tags and row[self.tags] is not None and places is not None:
            return self._of_tags(number, row[self.tags], text, places, meta, problems)
        return annotate(text, [], places, meta, *where).without_annotation()

    def _spans(self, number: int, row: dict[str, Any]) -> list[Any] | None:
        if not self.spans:
            return None
        try:
            return spans_in(row[self.spans], self.columns[self.spans])
        except ValueError as error:
            mend = "Save the dataset with names (ClassLabel), or write the labels as strings"
            raise FormatError(self.path, number, f"{self.spans!r}: {error}", mend) from None

    def _tokens(self, number: int, row: dict[str, Any]) -> list[str] | None:
        if not self.tokens:
            return None
        tokens = list(row[self.tokens] or ())
        if not all(tokens):
            what = "an empty token"
            raise FormatError(self.path, number, what, "Leave it out, together with its tag")
        return tokens

    def _of_tags(
        self,
        number: int,
        given: list[Any],
        text: str,
        places: list[Place],
        meta: dict[str, Any],
        problems: list[Problem],
    ) -> AnnotatedText:
        if len(given) != len(places):
            what = f"{count(len(given), 'tag')} of {count(len(places), 'token')}"
            raise FormatError(self.path, number, what, "Give each token one tag")
        names = [self._name(number, tag) for tag in given]
        tags = [biluo_tag(self.path, number, "O" if n in _PASSED_OVER else n) for n in names]
        unknown = [place for place, n in zip(places, names, strict=True) if n in _PASSED_OVER]
        spans = spans_of(tags, places)
        found = annotate(text, spans, places, meta, self.path, number, problems)
        if unknown and len(unknown) == len(places):
            return found.without_annotation()
        return replace(found, unknown=tuple(unknown))

    def _name(self, number: int, tag: Any) -> str:
        if isinstance(tag, str):
            return tag
        if isinstance(tag, int) and str(tag) in _PASSED_OVER:
            return str(tag)
        names = self.columns[self.tags or ""].names
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


def rows_to_write(
    texts: Iterable[AnnotatedText], problems: list[Problem]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows, each with its tags as strings, and the names of the tags. Spans that no tag can say
    stand in `spans` alone, which is added to `problems`; a text that is annotated in part has tags
    alone, -100 where nothing is known. Raises FormatError for a text that is not tokenised."""
    rows, labels = [], set()
    for text in texts:
        tokens = TokenSpans(text)
        row: dict[str, Any] = {"text": text.text, "meta": text.meta or None}
        row["tokens"] = tokens.strings
        row["ner_tags"] = _tags(text, tokens, problems) if text.annotated else None
        row["spans"] = None
        if not text.unknown:
            names = ("start", "end", "label")
            row["spans"] = [dict(zip(names, span, strict=True)) for span in text.spans]
        labels |= {label for _, _, label in text.spans}
        rows.append(row)
    return rows, ["O", *(f"{p}-{label}" for label in sorted(labels) for p in "BI")]


def _tags(text: AnnotatedText, tokens: TokenSpans, problems: list[Problem]) -> list[str]:
    tags = [UNKNOWN if touches(*place, text.unknown) else "O" for place in tokens.places]
    taken: set[int] = set()
    for span in sorted(text.spans, key=lambda span: (span[0] - span[1], span)):
        start, end, label = span
        inside = tokens.on(start, end)
        if inside is None or not taken.isdisjoint(inside):
            why = "is not on token boundaries" if inside is None else "overlaps another"
            only = "it is in the column `spans`, and not in `ner_tags`"
            if text.unknown:
                only = "`ner_tags`, the one column of a text that is annotated in part, has it not"
            problems.append(text.problem(span, f"{why}: {only}", lost=bool(text.unknown)))
            continue
        taken |= {*inside}
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
