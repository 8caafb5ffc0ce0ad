"""Tables (CSV, TSV) with a head line, in the shapes that people keep annotations in.

A row an entity: `text`, `start`, `end`, `label`; or `text`, `mention`, `label`, the mention being
searched in the text. A row a text: `text`, `entities`, the latter a list as JSON or Python writes
it. A row a token: `sentence`, `token`, `tag` (BIO and its kin). Heads in other words are known too.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from .annotated_text import AnnotatedText, FormatError, Problem, annotate
from .annotation_tools import as_triple
from .columns import biluo_tag, spans_of
from .detokenize import join_tokens
from .files import bare_suffix, write_lines
from .json_text import read_json
from .table_heads import Head
from .table_rows import Row, read_rows

HEAD = ("text", "start", "end", "label")
_WHOLE = re.compile(r"([+-]?\d{1,18})(?:\.0*)?")
_NUMBERS_WORDS = 0.8  # of the rows with a key of their own: no sentences are that short
_MISSING = ("", "nan", "na", "<na>", "none", "null")  # as pandas may write it
_NO_LABEL = ("", "nan", "NaN", "<NA>")  # the same, where a label may well be "NA" or "none"


def read(path: Path, problems: list[Problem] | None = None) -> Iterator[AnnotatedText]:
    """The texts of a table, in the order in which they first appear. Raises FormatError for a head
    line that shows none of the shapes, and for rows that do not hold what it says."""
    problems = [] if problems is None else problems
    rows = read_rows(path)
    head = next(rows, None)
    if head is None:
        return
    columns = Head(head[1])
    names = columns.names
    if names is None:
        what = f"the head line names {', '.join(map(repr, head[1]))}"
        mend = "Name the columns text,start,end,label or text,entities or sentence,token,tag"
        raise FormatError(path, head[0], what, mend)
    shape = tuple(names)
    if shape == ("token", "tag"):
        yield from _of_tokens(path, rows, names, columns.find("sentence"), problems)
    elif shape == ("text", "entities"):
        yield from _of_texts(path, rows, names, columns.id_name, problems)
    else:
        yield from _of_entities(path, rows, names, columns.id_name, problems)


def write(path: Path, texts: Iterable[AnnotatedText]) -> None:
    """A row an entity; a text without any has a row with the text alone. Tabs divide the values of
    a .tsv file, else commas. Ids stand in front where texts have some ("id" in their meta); running
    numbers where equal texts would be taken for one."""
    texts = list(texts)
    given = [text.meta.get("id") for text in texts]
    names = [str(name).strip() if isinstance(name, str | int) else "" for name in given]
    if len({*zip(names, (text.text for text in texts), strict=True)}) < len(texts):
        names = [str(i) for i in range(1, len(texts) + 1)]
    if not any(names):
        names = []

    def rows() -> Iterator[Iterable[Any]]:
        yield (*(["id"] if names else []), *HEAD)
        for i, text in enumerate(texts):
            for start, end, label in text.spans or [("", "", "")]:
                yield (*names[i : i + 1], text.text, start, end, label)

    delimiter = "\t" if bare_suffix(path) == ".tsv" else ","
    write_lines(path, (delimiter.join(map(_quoted, row)) for row in rows()))


def _quoted(value: Any) -> str:
    return '"' + str(value).replace('"', '""') + '"'


def _of_tokens(
    path: Path,
    rows: Iterable[Row],
    names: dict[str, str],
    sentence: str | None,
    problems: list[Problem],
) -> Iterator[AnnotatedText]:
    if sentence is None:
        mend = "Add a column 'sentence' that numbers them, or write CoNLL columns"
        raise FormatError(path, 1, "nothing tells where a sentence ends", mend)
    rows = list(rows)
    keys: list[str] = []
    for _, row in rows:
        keys.append(row[sentence].strip() or (keys[-1] if keys else ""))  # none: as above
    runs = [len([*run]) for _, run in groupby(keys)]
    # Numbers of words may begin anew with each sentence.
    if len(rows) > 2 and runs.count(1) > _NUMBERS_WORDS * len(rows):
        what = f"{sentence!r} has another value in almost every row, as if it numbered the words"
        raise FormatError(path, 1, what, "Add a column 'sentence' that numbers the sentences")
    held: list[tuple[int, str, str]] = []
    current = ""
    for (number, row), key in zip(rows, keys, strict=True):
        if key != current and held:
            yield _sentence(path, held, problems)
            held = []
        current = key
        token = row[names["token"]].strip()
        if not any(row.values()):
            continue
        if not token:
            raise FormatError(path, number, "no token", "Remove the row or add the token")
        held.append((number, token, biluo_tag(path, number, row[names["tag"]].strip())))
    if held:
        yield _sentence(path, held, problems)


def _sentence(
    path: Path, rows: list[tuple[int, str, str]], problems: list[Problem]
) -> AnnotatedText:
    text, places = join_tokens([token for _, token, _ in rows])
    spans = spans_of([tag for _, _, tag in rows], places)
    return annotate(text, spans, places, {}, path, rows[0][0], problems)


def _of_texts(
    path: Path,
    rows: Iterable[Row],
    names: dict[str, str],
    id_name: str | None,
    problems: list[Problem],
) -> Iterator[AnnotatedText]:
    for number, row in rows:
        found = _literal(path, number, row[names["entities"]])
        spans = [as_triple(span) for span in found]
        name = row[id_name].strip() if id_name else ""
        meta = {"id": name} if name else {}
        yield annotate(row[names["text"]], spans, None, meta, path, number, problems)


def _literal(path: Path, number: int, value: str) -> list[Any]:
    if _is_missing(value):
        return []
    for read_value in (read_json, ast.literal_eval):
        try:
            found = read_value(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):  # spaCy 2 wrote {"entities": [...]}
            found = found.get("entities")
        if isinstance(found, list):
            return [list(span) if isinstance(span, tuple) else span for span in found]
    mend = 'Write [[0, 5, "PER"]], with [] for none'
    raise FormatError(path, number, f"{value[:60]!r} is not a list of entities", mend)


@dataclass
class _Rows:
    """The rows of one text. lines: of each span."""

    text: str
    name: str
    line: int
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    without: int = 0


def _of_entities(
    path: Path,
    rows: Iterable[Row],
    names: dict[str, str],
    id_name: str | None,
    problems: list[Problem],
) -> Iterator[AnnotatedText]:
    """Rows of one text, and of one id where there are ids, belong together."""
    found: dict[tuple[str, str], _Rows] = {}
    for number, row in rows:
        text, name = row[names["text"]], row[id_name].strip() if id_name else ""
        of_text = found.setdefault((name, text), _Rows(text, name, number))
        bare = AnnotatedText(text, file=str(path), line=number)
        label = row[names["label"]].strip()
        if all(_is_missing(row[names[part]]) for part in names if part != "text"):
            of_text.without += 1  # a text without entities
            if of_text.without > 1:
                what = "another row says so" + ("" if id_name else "; without ids it is one text")
                problems.append(bare.left_out(f"has no entity, and {what}", lost=False))
            continue
        start, end = _place(path, number, row, names, text, label, of_text.spans)
        if "mention" in names and start < 0:
            problems.append(_absent(bare, row[names["mention"]].strip(), label))
        elif label in _NO_LABEL:
            problems.append(bare.problem((start, end, label), "has no label"))
        else:
            of_text.spans.append((start, end, label))
            of_text.lines.append(number)
    for of_text in found.values():
        meta = {"id": of_text.name} if of_text.name else {}
        yield annotate(
            of_text.text, of_text.spans, None, meta, path, of_text.line, problems, of_text.lines
        )


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
        given = row[names["start"]], row[names["end"]]
        start, end = map(_number, given)
        if start is None or end is None:
            what = f"{given[0]!r} to {given[1]!r} is not a place"
            raise FormatError(path, number, what, "Give characters from 0, end exclusive")
        return start, end
    mention = row[names["mention"]].strip()
    start = text.find(mention) if mention else -1
    while start >= 0 and (start, start + len(mention), label) in known:
        start = text.find(mention, start + 1)
    return (start, start + len(mention)) if start >= 0 else (-1, -1)


def _absent(text: AnnotatedText, mention: str, label: str) -> Problem:
    """Of a mention that the text does not have, or not so, or not once more."""
    if mention and (n := text.text.count(mention)):
        where = f"the place of {mention!r} in the text has"
        if n > 1:
            where = f"all {n} places of {mention!r} in the text have"
        return text.problem((0, 0, label), f"{where} this label already")
    reason = f"{mention!r} is not in the text"
    found = re.search(re.escape(mention), text.text, re.IGNORECASE) if mention else None
    reason += f", which has {found[0]!r}" if found else ""
    return text.problem((0, 0, label), reason, fault="absent")


def _number(value: str) -> int | None:
    """Of "4" and, as pandas writes it in a column with gaps, "4.0"."""
    match = _WHOLE.fullmatch(value.strip())
    return int(match[1]) if match else None


def _is_missing(value: str) -> bool:
    return value.strip().lower() in _MISSING
