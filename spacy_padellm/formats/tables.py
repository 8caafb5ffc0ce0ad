"""Tables (CSV, TSV) with a head line, in the shapes that people keep annotations in.

A row an entity: `text`, `start`, `end`, `label`; or `text`, `mention`, `label`, the mention being
searched in the text. A row a text: `text`, `entities`, the latter a list as JSON or Python writes
it. A row a token: `sentence`, `token`, `tag` (BIO and its kin). Heads in other words are known too.
"""

import ast
import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .annotated import AnnotatedText, FormatError, Problem, annotate
from .annotations import as_triple
from .columns import biluo_tag, entities_of
from .files import read_text, write_lines

# What a column may be called, in lower case without what is no letter.
NAMES = {
    "text": ("text", "sentencetext", "content", "document", "sentence"),
    "start": ("start", "startoffset", "begin", "startchar", "from"),
    "end": ("end", "endoffset", "endchar", "stop", "to"),
    "label": ("label", "type", "entitytype", "enttype", "tagname", "class"),
    "mention": ("mention", "entity", "span", "string", "entitytext", "value"),
    "entities": ("entities", "ents", "spans", "annotations", "labels"),
    "sentence": ("sentence", "sentenceid", "sentenceno", "sentid", "sent", "id"),
    "token": ("token", "word", "words", "tokens"),
    "tag": ("tag", "tags", "nertag", "ner", "nertags", "iob", "bio"),
}
SHAPES = (
    ("token", "tag"),
    ("text", "entities"),
    ("text", "start", "end", "label"),
    ("text", "mention", "label"),
)
Row = tuple[int, dict[str, str]]
HEAD = ("text", "start", "end", "label")


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a table, in the order in which they first appear.

    Raises FormatError for a head line that shows none of the shapes, and for rows that do not
    hold what it says.
    """
    rows = _rows(path)
    head = next(rows, None)
    if head is None:
        return
    columns = {_plain(name): name for name in head[1]}
    for shape in SHAPES:
        found = {part: _column(columns, part) for part in shape}
        if all(found.values()):
            break
    else:
        what = f"the head line names {', '.join(map(repr, head[1]))}"
        mend = "Name the columns text,start,end,label or text,entities or sentence,token,tag"
        raise FormatError(path, head[0], what, mend)
    names = {part: str(name) for part, name in found.items()}
    if shape == ("token", "tag"):
        yield from _of_tokens(path, rows, names, _column(columns, "sentence"), problems)
    elif shape == ("text", "entities"):
        yield from _of_texts(path, rows, names, problems)
    else:
        yield from _of_entities(path, rows, names, problems)


def write(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """A row an entity; a text without any has a row with the text alone."""

    def rows() -> Iterator[str]:
        yield _join(HEAD)
        for text in texts:
            for start, end, label in text.spans or [("", "", "")]:
                yield _join((text.text, start, end, label))

    write_lines(path, rows())


def _join(values: Iterable[Any]) -> str:
    return ",".join('"' + str(value).replace('"', '""') + '"' for value in values)


def _rows(path: Path) -> Iterator[Row]:
    """The head as a row of empty values, then each row with the line on which it begins."""
    content = read_text(path)
    if not content.strip():
        return
    delimiter = max(",;\t|", key=content.splitlines()[0].count)
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    began = 1
    try:
        for values in reader:
            number, began = began, reader.line_num + 1
            if not values:  # a blank line; an empty text is in quotes
                continue
            if names is None:
                names = [name.strip() for name in values]
                yield number, dict.fromkeys(names, "")
            elif len(values) != len(names):
                what = f"{len(values)} values under {len(names)} names"
                raise FormatError(path, number, what, "Put a value that holds commas into quotes")
            else:
                yield number, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise FormatError(path, began, f"no row ({error})", "Mend the quotes of this row") from None


def _of_tokens(
    path: Path,
    rows: Iterable[Row],
    names: dict[str, str],
    sentence: str | None,
    problems: list[Problem] | None,
) -> Iterator[AnnotatedText]:
    if sentence is None:
        mend = "Add a column 'sentence' that numbers them, or write CoNLL columns"
        raise FormatError(path, 1, "nothing tells where a sentence ends", mend)
    rows = list(rows)
    keys = [row[sentence].strip() for _, row in rows]
    if len(rows) > 2 and len(set(keys)) == len(keys):
        mend = "Add a column 'sentence' that numbers the sentences"
        raise FormatError(path, 1, f"{sentence!r} has another value in every row", mend)
    held: list[tuple[int, str, str]] = []
    current = None
    for number, row in rows:
        key = row[sentence].strip()
        if key and key != current and held:
            yield _sentence(path, held, problems)
            held = []
        current = key or current
        token = row[names["token"]].strip()
        if not any(row.values()):
            continue
        if not token:
            raise FormatError(path, number, "no token", "Remove the row or add the token")
        held.append((number, token, biluo_tag(path, number, row[names["tag"]].strip())))
    if held:
        yield _sentence(path, held, problems)


def _sentence(
    path: Path, rows: list[tuple[int, str, str]], problems: list[Problem] | None
) -> AnnotatedText:
    places, end = [], 0
    for _, token, _ in rows:
        places.append((end, end + len(token)))
        end += len(token) + 1
    spans = [
        (places[first][0], places[last][1], label)
        for label, first, last in entities_of([tag for _, _, tag in rows])
    ]
    text = " ".join(token for _, token, _ in rows)
    return annotate(text, spans, places, {}, path, rows[0][0], problems)


def _of_texts(
    path: Path, rows: Iterable[Row], names: dict[str, str], problems: list[Problem] | None
) -> Iterator[AnnotatedText]:
    for number, row in rows:
        found = _literal(path, number, row[names["entities"]])
        spans = [as_triple(span) for span in found]
        yield annotate(row[names["text"]], spans, None, {}, path, number, problems)


def _literal(path: Path, number: int, value: str) -> list[Any]:
    if not value.strip():
        return []
    for read_value in (json.loads, ast.literal_eval):
        try:
            found = read_value(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):  # spaCy 2 wrote {"entities": [...]}
            found = found.get("entities")
        if isinstance(found, list):
            return [list(span) if isinstance(span, tuple) else span for span in found]
    mend = 'Write [[0, 5, "PER"]], with [] for none'
    raise FormatError(path, number, f"{value[:60]!r} is no list of entities", mend)


def _of_entities(
    path: Path, rows: Iterable[Row], names: dict[str, str], problems: list[Problem] | None
) -> Iterator[AnnotatedText]:
    first: dict[str, int] = {}
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for number, row in rows:
        text = row[names["text"]]
        first.setdefault(text, number)
        known = spans.setdefault(text, [])
        label = row[names["label"]].strip()
        if not label and not any(row[names[part]].strip() for part in names if part != "text"):
            continue  # a text without entities
        start, end = _place(path, number, row, names, text, label, known)
        if wrong := _what_is_wrong(row, names, text, label, start, end):
            bare = AnnotatedText(text, file=str(path), line=number)
            if problems is not None:
                problems.append(bare.problem((max(start, 0), max(end, 0), label), wrong))
        else:
            known.append((start, end, label))
    for text, number in first.items():
        yield annotate(text, spans[text], None, {}, path, number, problems)


def _place(
    path: Path,
    number: int,
    row: dict[str, str],
    names: dict[str, str],
    text: str,
    label: str,
    known: list[tuple[int, int, str]],
) -> tuple[int, int]:
    """Of an entity; a mention takes its first occurrence that is not taken under its label, and
    -1, -1 where there is none."""
    if "start" in names:
        try:
            return int(row[names["start"]]), int(row[names["end"]])
        except ValueError:
            what = f"{row[names['start']]!r} to {row[names['end']]!r} is no place"
            raise FormatError(path, number, what, "Give characters from 0, end exclusive") from None
    mention = row[names["mention"]].strip()
    start = text.find(mention) if mention else -1
    while start >= 0 and (start, start + len(mention), label) in known:
        start = text.find(mention, start + 1)
    return (start, start + len(mention)) if start >= 0 else (-1, -1)


def _what_is_wrong(
    row: dict[str, str], names: dict[str, str], text: str, label: str, start: int, end: int
) -> str:
    """Why an entity cannot be kept; "" where it can."""
    if "mention" in names and start < 0:
        return f"{row[names['mention']]!r} is not in the text"
    if not label:
        return "has no label"
    if end <= start:
        return "ends before it begins" if end < start else "is empty"
    return (
        "" if start >= 0 and end <= len(text) else f"is outside the text of {len(text)} characters"
    )


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _column(columns: dict[str, str], part: str) -> str | None:
    return next((columns[name] for name in NAMES[part] if name in columns), None)
